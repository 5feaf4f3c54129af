import { percentileOfSorted } from "../statistics.ts";
import type { Latency } from "./job.ts";

const samplesMax = 1_000_000;

/** The first million latencies of a measurement. */
export class Latencies {
  readonly #ms = new Float64Array(samplesMax);
  #count = 0;

  add(ms: number): void {
    if (this.#count < samplesMax) this.#ms[this.#count++] = ms;
  }

  /** Null when there were none. */
  result(): Latency | null {
    if (this.#count === 0) return null;
    const sorted = this.#ms.slice(0, this.#count).sort();
    return { p50: percentileOfSorted(sorted, 0.5), p99: percentileOfSorted(sorted, 0.99) };
  }
}
