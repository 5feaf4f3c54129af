/** How old a robot's last word is. Colours follow it, and so do the words beside them. */
export const freshnessLevels = ["fresh", "ageing", "stale", "lost"] as const;
export type Freshness = (typeof freshnessLevels)[number];

/** Upper bounds of the first three, in milliseconds. */
export const freshnessBoundsMs: readonly number[] = [3_000, 15_000, 60_000];

export const freshnessWords: Readonly<Record<Freshness, string>> = {
  fresh: "under 3 s",
  ageing: "under 15 s",
  stale: "under 1 min",
  lost: "older",
};

/** Index into `freshnessLevels`; a number, since the map asks it of every robot in every frame. */
export function freshnessIndex(ageMs: number): number {
  if (ageMs < 3_000) return 0;
  if (ageMs < 15_000) return 1;
  return ageMs < 60_000 ? 2 : 3;
}

/** September 2001: before it, no device of today wrote anything. */
const earliestPlausibleMs = 1_000_000_000_000;
const clockErrorMs = 60_000;

/**
 * When a position that was there before this viewer came was written. `timestamp` is the device's own, in seconds, milliseconds or
 * something else entirely; null when it cannot be a time of this wall clock.
 */
export function writtenAtMs(timestamp: unknown, nowMs: number): number | null {
  if (typeof timestamp !== "number" || !Number.isFinite(timestamp)) return null;
  const milliseconds = timestamp < earliestPlausibleMs / 10 ? timestamp * 1000 : timestamp;
  const isPlausible = milliseconds > earliestPlausibleMs && milliseconds < nowMs + clockErrorMs;
  return isPlausible ? Math.min(milliseconds, nowMs) : null;
}
