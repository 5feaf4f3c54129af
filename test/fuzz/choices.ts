import { seededRandom } from "../../scripts/support/random.ts";

/** Choices that a seed decides: the same seed, the same attack. */
export class Choices {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** 0 up to `end`, without `end`. */
  below(end: number): number {
    return Math.floor(this.#random() * end);
  }

  oneIn(count: number): boolean {
    return this.below(count) === 0;
  }

  of<Value>(values: readonly Value[]): Value {
    return values[this.below(values.length)]!;
  }

  /** Each with one chance in three. */
  some<Value>(values: readonly Value[]): Value[] {
    return values.filter(() => this.oneIn(3));
  }

  bytes(count: number): Buffer {
    return Buffer.from(Array.from({ length: count }, () => this.below(256)));
  }
}
