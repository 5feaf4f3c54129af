/**
 * How long a run may be, and how many of each length are kept for the next turn; what is beyond is left to the garbage
 * collector. The shortest holds a few acknowledgements or messages, which is what most clients need in a turn.
 */
const classes = [
  { sizeBytes: 1024, keptMax: 4096 },
  { sizeBytes: 8 * 1024, keptMax: 512 },
  { sizeBytes: 32 * 1024, keptMax: 128 },
  { sizeBytes: 64 * 1024, keptMax: 64 },
] as const;

export const longestRunSizeBytes = 64 * 1024;

/** Memory in which the packets of a turn are collected, one run per client, used again turn after turn. */
export class RunPool {
  readonly #kept: readonly Buffer[][] = classes.map(() => []);

  /** The shortest run of at least `sizeBytes`; the longest one where that is not enough. */
  take(sizeBytes: number): Buffer {
    let at = 0;
    while (at < classes.length - 1 && classes[at]!.sizeBytes < sizeBytes) at++;
    return this.#kept[at]!.pop() ?? Buffer.allocUnsafeSlow(classes[at]!.sizeBytes);
  }

  /** Nobody uses it any more. */
  give(run: Buffer): void {
    const at = classes.findIndex(({ sizeBytes }) => sizeBytes === run.length);
    const kept = this.#kept[at];
    if (kept !== undefined && kept.length < classes[at]!.keptMax) kept.push(run);
  }
}
