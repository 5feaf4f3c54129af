import { type Expiring, isBefore } from "./expiring.ts";
import { ExpiryHeap } from "./expiry-heap.ts";
import { ExpiryLane } from "./expiry-lane.ts";

export type { Expiring };

/**
 * A queue from which any item can be taken: the earliest first, by key among equals. Most come in the order in which they end, and what
 * does not is rare, so that a heap of all of them would cost several times as much. Nothing stale stays behind of a topic that is
 * overwritten a thousand times.
 */
export class ExpiryQueue<T extends Expiring> {
  readonly #lane = new ExpiryLane<T>();
  readonly #heap = new ExpiryHeap<T>();

  get size(): number {
    return this.#lane.size + this.#heap.size;
  }

  /** When the first one ends; Infinity when there is none. Costs less than `first`. */
  firstMs(): number {
    const heapMs = this.#heap.first()?.expiresAtMs ?? Number.POSITIVE_INFINITY;
    return Math.min(this.#lane.firstMs(), heapMs);
  }

  first(): T | undefined {
    const first = this.#lane.first();
    const other = this.#heap.first();
    return first === undefined || (other !== undefined && isBefore(other, first)) ? other : first;
  }

  add(item: T): void {
    if (!this.#lane.add(item)) this.#heap.add(item);
  }

  /** Harmless for an item that is not queued. */
  remove(item: T): void {
    if (item.queueIndex >= 0) this.#heap.remove(item);
    else if (item.queueIndex < -1) this.#lane.remove(item);
  }

  clear(): void {
    this.#lane.clear();
    this.#heap.clear();
  }
}
