import type { JSX } from "preact";
import type { Tone } from "../model/cluster-facts.ts";
import type { PageId } from "../model/pages.ts";

const shapes: Readonly<Record<PageId | "theme" | "close" | "plus" | "minus" | "fit", string>> = {
  overview: "M3 13h4v4H3zM8 8h4v9H8zM13 3h4v14h-4z",
  map: "M10 2.500c3 0 5.200 2.200 5.200 5.100 0 3.600-5.200 9.900-5.200 9.900S4.800 11.200 4.800 7.600c0-2.900 2.200-5.100 5.200-5.100zM10 9.500a2 2 0 1 0 0-4 2 2 0 0 0 0 4z",
  cluster:
    "M10 6V3M10 6l-5 8M10 6l5 8M5 14h10M8.500 6a1.500 1.500 0 1 0 3 0a1.500 1.500 0 1 0-3 0M3 15a1.800 1.800 0 1 0 3.600 0A1.800 1.800 0 1 0 3 15M13.400 15a1.800 1.800 0 1 0 3.600 0a1.800 1.800 0 1 0-3.600 0",
  clients:
    "M7 9a2.800 2.800 0 1 0 0-5.600A2.800 2.800 0 0 0 7 9zM2 16.500c0-3 2.200-4.800 5-4.800s5 1.800 5 4.800M13.500 9.300a2.300 2.300 0 1 0 0-4.600M14.500 12c2.200.3 3.500 2 3.500 4.500",
  topics: "M4 3v12h5M4 8h5M12 6h5v4h-5zM12 13h5v4h-5z",
  history: "M3 3v14h14M6 12l3-4 3 2.500L17 5",
  theme: "M10 3a7 7 0 1 0 0 14zM10 3a7 7 0 0 1 0 14",
  close: "M5 5l10 10M15 5L5 15",
  plus: "M10 4v12M4 10h12",
  minus: "M4 10h12",
  fit: "M3 7V3h4M13 3h4v4M17 13v4h-4M7 17H3v-4",
};

export function Icon({ name }: { readonly name: keyof typeof shapes }): JSX.Element {
  return (
    <svg
      width="18"
      height="18"
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      stroke-width="1.6"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={shapes[name]} />
    </svg>
  );
}

/** Each tone has a shape of its own: colour alone does not reach everybody. */
const marks: Readonly<Record<Tone, string>> = {
  ok: "M5 1.200a3.800 3.800 0 1 0 0 7.600a3.800 3.800 0 1 0 0-7.600",
  warn: "M5 .8L9.400 8.800H.6z",
  bad: "M1.400 1.400h7.200v7.200H1.400z",
  idle: "M1.200 4h7.600v2H1.200z",
};

export function Mark({ tone }: { readonly tone: Tone }): JSX.Element {
  return (
    <svg width="10" height="10" viewBox="0 0 10 10" fill="currentColor" aria-hidden="true">
      <path d={marks[tone]} />
    </svg>
  );
}

export function Logo(): JSX.Element {
  return (
    <svg
      width="22"
      height="22"
      viewBox="4 7 21 19"
      fill="none"
      stroke="currentColor"
      stroke-width="2.6"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d="M6 20l5-4 5 4M16 14l5-4 5 4" />
      <path d="M17 24l4.500-3.600 4.500 3.600" opacity=".65" />
    </svg>
  );
}
