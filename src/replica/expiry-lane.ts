import type { Expiring } from "./expiring.ts";

/** So many places of items that went are kept beside those of as many items as there are. */
const freePlacesMin = 1024;

/**
 * Items in the order of their times, as they come when all of them wait equally long: adding and removing one costs the same however many
 * there are. Those of the same time stand as they came, and are put in order when the first of them is asked for. An item at place 0 has
 * -2 as its `queueIndex`, one at place 1 has -3.
 */
export class ExpiryLane<T extends Expiring> {
  #places: (T | null)[] = [];
  /** No item stands before it. */
  #head = 0;
  #size = 0;
  #lastMs = Number.NEGATIVE_INFINITY;
  /** The first items, all of the same time, are in order by key. */
  #isHeadInOrder = false;

  get size(): number {
    return this.#size;
  }

  /** False when it belongs in front of others. */
  add(item: T): boolean {
    if (this.#size === 0) this.clear();
    else if (item.expiresAtMs < this.#lastMs) return false;
    this.#lastMs = item.expiresAtMs;
    if (this.#isHeadInOrder && item.expiresAtMs === this.firstMs()) this.#isHeadInOrder = false;
    this.#place(item, this.#places.length);
    this.#size++;
    return true;
  }

  /** Infinity when there is none. */
  firstMs(): number {
    return this.#places[this.#head]?.expiresAtMs ?? Number.POSITIVE_INFINITY;
  }

  first(): T | undefined {
    if (this.#size === 0) return undefined;
    if (!this.#isHeadInOrder) this.#orderHead();
    return this.#places[this.#head]!;
  }

  /** The item is in it. */
  remove(item: T): void {
    const headMs = this.firstMs();
    this.#places[-2 - item.queueIndex] = null;
    item.queueIndex = -1;
    this.#size--;
    while (this.#head < this.#places.length && this.#places[this.#head] === null) this.#head++;
    if (this.#isHeadInOrder && this.firstMs() !== headMs) this.#isHeadInOrder = false;
    if (this.#places.length >= 2 * this.#size + freePlacesMin) this.#closeUp();
  }

  clear(): void {
    this.#places = [];
    this.#head = 0;
    this.#size = 0;
    this.#isHeadInOrder = false;
  }

  #orderHead(): void {
    const timeMs = this.firstMs();
    const items: T[] = [];
    let end = this.#head;
    for (; end < this.#places.length; end++) {
      const item = this.#places[end];
      if (item == null) continue;
      if (item.expiresAtMs !== timeMs) break;
      items.push(item);
    }
    items.sort((a, b) => (a.expiryKey < b.expiryKey ? -1 : 1));
    const start = end - items.length;
    this.#places.fill(null, this.#head, start);
    items.forEach((item, at) => {
      this.#place(item, start + at);
    });
    this.#head = start;
    this.#isHeadInOrder = true;
  }

  #closeUp(): void {
    const items = this.#places.slice(this.#head).filter((item) => item !== null);
    this.#places = items;
    this.#head = 0;
    items.forEach((item, at) => {
      this.#place(item, at);
    });
  }

  #place(item: T, at: number): void {
    this.#places[at] = item;
    item.queueIndex = -2 - at;
  }
}
