import { effect, signal } from "@preact/signals";

export const themes = ["system", "light", "dark"] as const;
export type Theme = (typeof themes)[number];

const key = "flockmq-theme";

export const theme = signal<Theme>(stored());
/** Grows when colours change, for what is drawn and not styled. */
export const colourVersion = signal(0);

export function nextTheme(): void {
  theme.value = themes[(themes.indexOf(theme.value) + 1) % themes.length] ?? "system";
}

export function followTheme(): void {
  effect(() => {
    const { dataset } = document.documentElement;
    if (theme.value === "system") delete dataset["theme"];
    else dataset["theme"] = theme.value;
    store(theme.value);
    colourVersion.value = colourVersion.peek() + 1;
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    colourVersion.value++;
  });
}

/** A colour of the style sheet as it is now, for a canvas. */
export function colourOf(name: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

function stored(): Theme {
  try {
    const value = localStorage.getItem(key);
    return themes.find((known) => known === value) ?? "system";
  } catch {
    // Storage may be forbidden; then the choice lasts as long as the page.
    return "system";
  }
}

function store(value: Theme): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // As above.
  }
}
