/**
 * A set of strings that can be read in order (of UTF-16 units) page by page. Sorts only when it is read, and then only what came since
 * the last time: a flood of new keys costs nothing until someone looks.
 */
export class SortedKeys {
  #sorted: string[] = [];
  readonly #added = new Set<string>();
  readonly #deleted = new Set<string>();

  /** The key must not be in the set. */
  add(key: string): void {
    this.#added.add(key);
  }

  /** The key must be in the set. */
  delete(key: string): void {
    if (!this.#added.delete(key)) {
      this.#deleted.add(key);
    }
  }

  clear(): void {
    this.#sorted = [];
    this.#added.clear();
    this.#deleted.clear();
  }

  /** At most `limit` keys greater than `after`. */
  after(after: string, limit: number): readonly string[] {
    this.#settle();
    const start = this.#firstAfter(after);
    return this.#sorted.slice(start, start + Math.max(0, Math.trunc(limit)));
  }

  #settle(): void {
    if (this.#added.size === 0 && this.#deleted.size === 0) {
      return;
    }
    const kept = this.#sorted.filter((key) => !this.#deleted.has(key));
    const added = [...this.#added].sort(compareUnits);
    const merged: string[] = [];
    let next = 0;
    for (const key of kept) {
      while (next < added.length && added[next]! < key) {
        merged.push(added[next++]!);
      }
      merged.push(key);
    }
    this.#sorted = merged.concat(added.slice(next));
    this.#added.clear();
    this.#deleted.clear();
  }

  /** Binary search: the number of keys that are not greater. */
  #firstAfter(after: string): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#sorted[middle]! <= after) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
}

function compareUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
