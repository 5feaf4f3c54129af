/** Something that ends at a known time. Time and key must not change while it is queued; `queueIndex` belongs to the queue. */
export interface Expiring {
  readonly expiresAtMs: number;
  /** Decides between equal times, so that all replicas remove in the same order. */
  readonly expiryKey: string;
  /** -1 while not queued. */
  queueIndex: number;
}

/**
 * A binary heap from which any item can be taken: the earliest first. Items know their place, so a topic that is
 * overwritten a thousand times leaves nothing stale behind.
 */
export class ExpiryQueue<T extends Expiring> {
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

  /** Harmless for an item that is not queued. */
  remove(item: T): void {
    const index = item.queueIndex;
    if (index < 0) {
      return;
    }
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

function isBefore(a: Expiring, b: Expiring): boolean {
  return (
    a.expiresAtMs < b.expiresAtMs || (a.expiresAtMs === b.expiresAtMs && a.expiryKey < b.expiryKey)
  );
}
