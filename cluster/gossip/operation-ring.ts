import type { InterestChange } from "../cluster-api.ts";

/** The last operations of a writer, for readers that missed some. Bounded in number and in characters of keys. */
export class OperationRing {
  readonly #operationsMax: number;
  readonly #charactersMax: number;
  /** The operation with number n stands at n modulo the size. */
  readonly #operations: (InterestChange | undefined)[] = [];
  #characters = 0;
  /** Number of the oldest operation kept; `#last` + 1 when empty. */
  #first = 1;
  #last = 0;

  constructor(operationsMax: number, charactersMax: number) {
    this.#operationsMax = operationsMax;
    this.#charactersMax = charactersMax;
  }

  get lastSeq(): number {
    return this.#last;
  }

  push(operation: InterestChange): void {
    if (this.#last - this.#first + 1 === this.#operationsMax) this.#dropFirst();
    this.#last += 1;
    this.#operations[this.#last % this.#operationsMax] = operation;
    this.#characters += operation.key.length;
    while (this.#characters > this.#charactersMax && this.#first < this.#last) this.#dropFirst();
  }

  /** Whether a reader that has everything up to `seq` can go on from here. */
  covers(seq: number): boolean {
    return seq >= this.#first - 1 && seq <= this.#last;
  }

  /** The operation with number `seq`; undefined when it is no longer, or not yet, kept. */
  at(seq: number): InterestChange | undefined {
    if (seq < this.#first || seq > this.#last) return undefined;
    return this.#operations[seq % this.#operationsMax];
  }

  #dropFirst(): void {
    const slot = this.#first % this.#operationsMax;
    this.#characters -= this.#operations[slot]?.key.length ?? 0;
    this.#operations[slot] = undefined;
    this.#first += 1;
  }
}
