export interface Replayed {
  readonly seed: number;
  /** By number; null or none: all of the seed. */
  readonly faults: readonly number[] | null;
}

/** The one command that repeats a schedule. */
export function replayCommand({ seed, faults }: Replayed, seconds: number): string {
  const list = faults !== null && faults.length > 0 ? ` --faults ${faults.join()}` : "";
  return `npm run sim -- --seed ${seed} --seconds ${seconds}${list} --verbose`;
}
