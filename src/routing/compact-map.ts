/**
 * A map that costs little while it has at most one entry, which is what nearly every node of a topic trie and nearly every
 * filter of a large broker has. Iterates in order of insertion. The value may not be undefined.
 */
export class CompactMap<K, V> {
  #key: K | undefined = undefined;
  #value: V | undefined = undefined;
  #map: Map<K, V> | null = null;

  get size(): number {
    return this.#map === null ? (this.#value === undefined ? 0 : 1) : this.#map.size;
  }

  get(key: K): V | undefined {
    if (this.#map !== null) {
      return this.#map.get(key);
    }
    return this.#key === key ? this.#value : undefined;
  }

  set(key: K, value: V): void {
    if (this.#map !== null) {
      this.#map.set(key, value);
    } else if (this.#value === undefined || this.#key === key) {
      this.#key = key;
      this.#value = value;
    } else {
      this.#map = new Map([
        [this.#key as K, this.#value],
        [key, value],
      ]);
      this.#key = undefined;
      this.#value = undefined;
    }
  }

  delete(key: K): boolean {
    if (this.#map !== null) {
      const isDeleted = this.#map.delete(key);
      if (this.#map.size === 0) {
        this.#map = null;
      }
      return isDeleted;
    }
    if (this.#value === undefined || this.#key !== key) {
      return false;
    }
    this.#key = undefined;
    this.#value = undefined;
    return true;
  }

  forEach(visit: (value: V, key: K) => void): void {
    if (this.#map !== null) {
      this.#map.forEach(visit);
    } else if (this.#value !== undefined) {
      visit(this.#value, this.#key as K);
    }
  }
}
