interface Change {
  readonly id: string;
  index: number;
  older: Change | null;
  newer: Change | null;
}

/**
 * Which devices changed, newest last, each once: at the log index of its last change. From it every viewer gets what it has missed,
 * whether it was slow or away, without anything being kept for that viewer. What is older than `floor` is forgotten.
 */
export class RecentChanges {
  readonly #keptMax: number;
  readonly #changes = new Map<string, Change>();
  #oldest: Change | null = null;
  #newest: Change | null = null;
  #floor = Number.POSITIVE_INFINITY;

  constructor(keptMax: number) {
    this.#keptMax = keptMax;
  }

  /** Every change after this index is here; Infinity before the first. */
  get floor(): number {
    return this.#floor;
  }

  get size(): number {
    return this.#changes.size;
  }

  /** Of the last change; 0 when it is not known. */
  indexOf(id: string): number {
    return this.#changes.get(id)?.index ?? 0;
  }

  /** What happens after this index will be recorded; said again, it changes nothing. */
  begin(index: number): void {
    if (this.#floor === Number.POSITIVE_INFINITY) this.#floor = index;
  }

  /** `index` is no lower than the one before. */
  record(id: string, index: number): void {
    this.begin(index - 1);
    let change = this.#changes.get(id);
    if (change === undefined) {
      change = { id, index, older: null, newer: null };
      this.#changes.set(id, change);
    } else {
      if (change === this.#newest) {
        change.index = index;
        return;
      }
      this.#unlink(change);
      change.index = index;
    }
    this.#append(change);
    if (this.#changes.size > this.#keptMax) this.#forgetOldest();
  }

  /** Nothing that happened up to this index is known; for a state that came from elsewhere. */
  clear(): void {
    this.#changes.clear();
    this.#oldest = null;
    this.#newest = null;
    this.#floor = Number.POSITIVE_INFINITY;
  }

  /**
   * The devices that changed after `index`, oldest change first: `count` of them, and those that share the last one's index, so that
   * one may go on behind `last`.
   */
  since(index: number, count: number): { readonly ids: readonly string[]; readonly last: number } {
    let change = this.#newest;
    while (change !== null && change.index > index) change = change.older;
    change = change === null ? this.#oldest : change.newer;
    const ids: string[] = [];
    let last = index;
    while (change !== null && (ids.length < count || change.index === last)) {
      ids.push(change.id);
      last = change.index;
      change = change.newer;
    }
    return { ids, last };
  }

  #append(change: Change): void {
    change.older = this.#newest;
    change.newer = null;
    if (this.#newest === null) this.#oldest = change;
    else this.#newest.newer = change;
    this.#newest = change;
  }

  #unlink(change: Change): void {
    if (change.older === null) this.#oldest = change.newer;
    else change.older.newer = change.newer;
    if (change.newer === null) this.#newest = change.older;
    else change.newer.older = change.older;
  }

  #forgetOldest(): void {
    const oldest = this.#oldest;
    if (oldest === null) return;
    this.#unlink(oldest);
    this.#changes.delete(oldest.id);
    this.#floor = oldest.index;
  }
}
