import { signal } from "@preact/signals";
import { linkTo, type Place, pages, placeOf } from "../model/pages.ts";

/** Where the viewer is; follows the address bar, and the back button. */
export const place = signal<Place>(here());

export function goTo(next: Place, { isReplacing = false } = {}): void {
  const url = linkTo(next);
  if (url === location.pathname + location.search) return;
  if (isReplacing) history.replaceState(null, "", url);
  else history.pushState(null, "", url);
  place.value = next;
}

/** Selects something on the page that is shown, or nothing. */
export function select(selected: string | null): void {
  goTo({ page: place.value.page, selected }, { isReplacing: place.value.selected !== null });
}

export function followAddress(): void {
  window.addEventListener("popstate", () => {
    place.value = here();
  });
}

export function titleOf({ page, selected }: Place): string {
  const title = pages.find(({ id }) => id === page)?.title ?? "";
  return `${selected === null ? title : `${selected} · ${title}`} · FlockMQ`;
}

function here(): Place {
  return placeOf(location.pathname, location.search);
}
