import type { TruncationRecord } from "../records.ts";

/**
 * What is to be known of truncations once another one came: floors from before it may reach further than the log now does, and vouch
 * for no more than its index. An earlier one counts until a floor was written behind it.
 */
export function truncated(
  earlier: TruncationRecord | null,
  latest: TruncationRecord,
  floorSequence: number,
): TruncationRecord {
  const isStillNeeded = earlier !== null && earlier.sequence > floorSequence;
  if (!isStillNeeded) return latest;
  return { sequence: latest.sequence, index: Math.min(earlier.index, latest.index) };
}
