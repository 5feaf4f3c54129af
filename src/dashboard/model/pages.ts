/** The pages, in the order of the navigation and of the number keys. Paths are also those that the node answers with the page. */
export const pages = [
  { id: "overview", path: "/", title: "Overview" },
  { id: "map", path: "/map", title: "Map" },
  { id: "cluster", path: "/cluster", title: "Cluster" },
  { id: "clients", path: "/clients", title: "Clients" },
  { id: "topics", path: "/topics", title: "Topics" },
  { id: "history", path: "/history", title: "Metrics" },
] as const;

export type PageId = (typeof pages)[number]["id"];

export interface Place {
  readonly page: PageId;
  /** What is selected on it: a device, a client, a topic; null for nothing. */
  readonly selected: string | null;
}

/** Anything unknown is the overview: a link of an older version must lead somewhere. */
export function placeOf(path: string, query: string): Place {
  const page = pages.find((known) => known.path === path.replace(/(.)\/+$/, "$1"))?.id;
  return { page: page ?? "overview", selected: page === undefined ? null : selectedIn(query) };
}

export function linkTo({ page, selected }: Place): string {
  const path = pages.find(({ id }) => id === page)?.path ?? "/";
  return selected === null ? path : `${path}?id=${encodeURIComponent(selected)}`;
}

function selectedIn(query: string): string | null {
  const value = /[?&]id=([^&]*)/.exec(query)?.[1];
  if (value === undefined) return null;
  try {
    return decodeURIComponent(value.replace(/\+/g, " "));
  } catch {
    return null;
  }
}

export type Shortcut =
  | { readonly do: "go"; readonly page: PageId }
  | { readonly do: "search" | "help" | "theme" | "close" };

export interface KeyPress {
  readonly key: string;
  readonly isModified: boolean;
  /** The focus is in a field, where letters are text. */
  readonly isTyping: boolean;
}

/** What a key does anywhere on the dashboard, or null. */
export function shortcutOf({ key, isModified, isTyping }: KeyPress): Shortcut | null {
  if (isModified) return null;
  if (key === "Escape") return { do: "close" };
  if (isTyping) return null;
  if (key === "/") return { do: "search" };
  if (key === "?") return { do: "help" };
  if (key === "t") return { do: "theme" };
  const page = /^[1-9]$/.test(key) ? pages[Number(key) - 1] : undefined;
  return page === undefined ? null : { do: "go", page: page.id };
}
