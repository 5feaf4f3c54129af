/** Bytes that were not used for so long may leave at once later. */
const burstMs = 100;

/** Keeps a flow of bytes to a rate: says how long each piece has to wait. */
export class Pace {
  readonly #bytesPerMs: number;
  /** Everything let out so far has left by then. */
  #freeAtMs = Number.NEGATIVE_INFINITY;

  /** `bytesPerSecondMax` 0: no limit. */
  constructor(bytesPerSecondMax: number) {
    this.#bytesPerMs =
      bytesPerSecondMax === 0 ? Number.POSITIVE_INFINITY : bytesPerSecondMax / 1000;
  }

  /** Milliseconds to wait before `sizeBytes`, which are counted as sent, may leave. */
  delayMs(sizeBytes: number, nowMs: number): number {
    const beginMs = Math.max(this.#freeAtMs, nowMs - burstMs);
    this.#freeAtMs = beginMs + sizeBytes / this.#bytesPerMs;
    return Math.max(0, this.#freeAtMs - nowMs);
  }
}
