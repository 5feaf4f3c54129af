import type { Cancel, Clock } from "#cluster";

const sampleMs = 1000;
const samplesMax = 11;

/** Sums whose growth per second is worth showing. */
export type Sums = Readonly<Record<string, number>>;

/** Growth per second over the last ten seconds, sampled once a second. */
export class Rates {
  readonly #clock: Clock;
  readonly #read: () => Sums;
  readonly #samples: { readonly atMs: number; readonly sums: Sums }[] = [];
  #cancel: Cancel | null = null;

  constructor(clock: Clock, read: () => Sums) {
    this.#clock = clock;
    this.#read = read;
    this.#sample();
  }

  /** 0 until there are two samples. */
  perSecond(name: string): number {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.atMs <= first.atMs) {
      return 0;
    }
    const growth = (last.sums[name] ?? 0) - (first.sums[name] ?? 0);
    return Math.round((growth / (last.atMs - first.atMs)) * 10_000) / 10;
  }

  stop(): void {
    this.#cancel?.();
  }

  #sample(): void {
    this.#samples.push({ atMs: this.#clock.monotonicMs(), sums: this.#read() });
    if (this.#samples.length > samplesMax) {
      this.#samples.shift();
    }
    this.#cancel = this.#clock.after(sampleMs, () => this.#sample());
  }
}
