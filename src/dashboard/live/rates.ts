import { computed } from "@preact/signals";
import { readHistory } from "../model/history.ts";
import { stats } from "./link.ts";
import { type Fetched, useFetched } from "./use-fetched.ts";

const refreshMs = 5_000;

/** Figures of all nodes together over the last hour. */
export function useClusterHistory(isWholeCluster = true): {
  readonly history: ReturnType<typeof readHistory> | null;
  readonly fetched: Fetched;
} {
  const query = isWholeCluster ? "?cluster=true" : "";
  const fetched = useFetched(`/api/v1/stats/history${query}`, refreshMs);
  return { history: fetched.data === null ? null : readHistory(fetched.data), fetched };
}

/** Drops of the node that is talked to, by reason, the most frequent first. */
export const drops = computed((): readonly (readonly [string, number])[] => {
  const dropped = stats.value?.["dropped"];
  if (typeof dropped !== "object" || dropped === null) return [];
  return Object.entries(dropped)
    .filter((entry): entry is [string, number] => typeof entry[1] === "number")
    .sort((a, b) => b[1] - a[1]);
});

export function statOf(name: string): number | null {
  const value = stats.value?.[name];
  return typeof value === "number" ? value : null;
}
