import type { Operation } from "./linearizability.ts";
import type { RegisterVerdict } from "./registers.ts";

/** How much of the order before a violation is shown. */
const shownBefore = 4;

/** One text for each register whose history has no explanation. */
export function describeVerdicts(verdicts: readonly RegisterVerdict[]): readonly string[] {
  return verdicts.flatMap(({ key, verdict }) => {
    if (verdict.isLinearizable) return [];
    const before = verdict.before.slice(-shownBefore).map(describe).join("; ");
    return [`${key}: no place for ${describe(verdict.blocking)}, after ${before || "nothing"}`];
  });
}

/** One text for each write that was acknowledged and is gone. */
export function describeLost(
  lost: readonly { readonly key: string; readonly write: Operation }[],
): readonly string[] {
  return lost.map(({ key, write }) => `${key}: lost ${describe(write)}`);
}

function describe({ kind, value, startMs, endMs, by }: Operation): string {
  const end = endMs === Number.POSITIVE_INFINITY ? "unknown" : `${endMs.toFixed(1)} ms`;
  return `${kind} ${value ?? "nothing"} (${by}, ${startMs.toFixed(1)} to ${end})`;
}
