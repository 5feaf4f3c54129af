import { effect } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { goTo, place, select, titleOf } from "./live/navigation.ts";
import { nextTheme } from "./live/theme.ts";
import { type PageId, type Shortcut, shortcutOf } from "./model/pages.ts";
import { ClientsPage } from "./pages/clients/clients-page.tsx";
import { ClusterPage } from "./pages/cluster/cluster-page.tsx";
import { HistoryPage } from "./pages/history/history-page.tsx";
import { MapPage } from "./pages/map/map-page.tsx";
import { OverviewPage } from "./pages/overview/overview-page.tsx";
import { TopicsPage } from "./pages/topics/topics-page.tsx";
import { Help, isHelpOpen } from "./parts/help.tsx";
import { Shell } from "./parts/shell.tsx";

const pageOf: Readonly<Record<PageId, () => JSX.Element>> = {
  overview: OverviewPage,
  map: MapPage,
  cluster: ClusterPage,
  clients: ClientsPage,
  topics: TopicsPage,
  history: HistoryPage,
};

export function App(): JSX.Element {
  useEffect(() => listenToKeys(), []);
  useEffect(
    () =>
      effect(() => {
        document.title = titleOf(place.value);
      }),
    [],
  );
  const Page = pageOf[place.value.page];
  return (
    <>
      <Shell>
        <Page />
      </Shell>
      <Help />
    </>
  );
}

function listenToKeys(): () => void {
  const onKey = (event: KeyboardEvent): void => {
    const { key, ctrlKey, metaKey, altKey } = event;
    const shortcut = shortcutOf({
      key,
      isModified: ctrlKey || metaKey || altKey,
      isTyping: isField(event.target),
    });
    // An open dialog has the keyboard to itself.
    if (shortcut === null || document.querySelector("dialog[open]") !== null) return;
    if (obey(shortcut)) event.preventDefault();
  };
  document.addEventListener("keydown", onKey);
  return () => document.removeEventListener("keydown", onKey);
}

/** False when the browser shall do with the key what it would. */
function obey(shortcut: Shortcut): boolean {
  switch (shortcut.do) {
    case "go":
      goTo({ page: shortcut.page, selected: null });
      document.querySelector<HTMLElement>("h1")?.focus();
      return true;
    case "search": {
      const field = document.querySelector<HTMLInputElement>("[data-search]");
      field?.focus();
      field?.select();
      return field !== null;
    }
    case "help":
      isHelpOpen.value = true;
      return true;
    case "theme":
      nextTheme();
      return true;
    case "close":
      if (isField(document.activeElement)) {
        (document.activeElement as HTMLElement).blur();
        return false;
      }
      if (place.value.selected !== null) select(null);
      return false;
  }
}

function isField(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) &&
    (target as HTMLInputElement).type !== "checkbox"
  );
}
