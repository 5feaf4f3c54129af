import { type Expiring, isBefore } from "./expiring.ts";

/** A binary heap from which any item can be taken: the earliest first. Items know their place as their `queueIndex`. */
export class ExpiryHeap<T extends Expiring> {
  readonly #heap: T[] = [];

  get size(): number {
    return this.#heap.length;
  }

  first(): T | undefined {
    return this.#heap[0];
  }

  add(item: T): void {
    this.#heap.push(item);
    item.queueIndex = this.#heap.length - 1;
    this.#rise(item);
  }

  /** The item is in it. */
  remove(item: T): void {
    const index = item.queueIndex;
    item.queueIndex = -1;
    const last = this.#heap.pop()!;
    if (last === item) {
      return;
    }
    this.#place(last, index);
    this.#rise(last);
    this.#sink(last);
  }

  clear(): void {
    this.#heap.length = 0;
  }

  #rise(item: T): void {
    while (item.queueIndex > 0) {
      const parent = this.#heap[(item.queueIndex - 1) >> 1]!;
      if (!isBefore(item, parent)) {
        return;
      }
      this.#swap(item, parent);
    }
  }

  #sink(item: T): void {
    for (;;) {
      const left = this.#heap[2 * item.queueIndex + 1];
      const right = this.#heap[2 * item.queueIndex + 2];
      if (left === undefined) {
        return;
      }
      const child = right !== undefined && isBefore(right, left) ? right : left;
      if (!isBefore(child, item)) {
        return;
      }
      this.#swap(item, child);
    }
  }

  #swap(a: T, b: T): void {
    const index = a.queueIndex;
    this.#place(a, b.queueIndex);
    this.#place(b, index);
  }

  #place(item: T, index: number): void {
    this.#heap[index] = item;
    item.queueIndex = index;
  }
}
