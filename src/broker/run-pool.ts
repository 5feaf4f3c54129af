/** Enough for a few acknowledgements or messages; what most clients need in a turn. */
const smallSizeBytes = 1024;
const largeSizeBytes = 16 * 1024;

/** Kept for the next turn; more than that is left to the garbage collector. */
const smallRunsMax = 4096;
const largeRunsMax = 256;

/** Memory in which the packets of a turn are collected, one run per client, used again turn after turn. */
export class RunPool {
  readonly #small: Buffer[] = [];
  readonly #large: Buffer[] = [];

  /** At least `sizeBytes` long, which may be 16 KiB at most. */
  take(sizeBytes: number): Buffer {
    return sizeBytes <= smallSizeBytes
      ? (this.#small.pop() ?? Buffer.allocUnsafeSlow(smallSizeBytes))
      : (this.#large.pop() ?? Buffer.allocUnsafeSlow(largeSizeBytes));
  }

  /** Nobody uses it any more. */
  give(run: Buffer): void {
    if (run.length === smallSizeBytes) {
      if (this.#small.length < smallRunsMax) this.#small.push(run);
    } else if (this.#large.length < largeRunsMax) this.#large.push(run);
  }
}
