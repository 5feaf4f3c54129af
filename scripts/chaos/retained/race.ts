/** One retained write of a race, in milliseconds of one clock. */
export interface RacingWrite {
  readonly value: string;
  readonly startMs: number;
  /** Infinity: never acknowledged. */
  readonly acknowledgedMs: number;
}

/**
 * The values that a topic may have when the race is over: one that was acknowledged before another write began cannot be the last one.
 * A write that was not acknowledged may be the last one, too.
 */
export function possibleLast(writes: readonly RacingWrite[]): ReadonlySet<string> {
  const acknowledged = writes.filter(({ acknowledgedMs }) => acknowledgedMs < Infinity);
  const lastStartMs = Math.max(...acknowledged.map(({ startMs }) => startMs));
  const possible = writes.filter(({ acknowledgedMs }) => acknowledgedMs >= lastStartMs);
  return new Set(possible.map(({ value }) => value));
}
