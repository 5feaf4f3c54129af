/** Order of the pages: of UTF-16 units, as everywhere in the API. */
export function compareKeys(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The smallest keys after `after` out of any number that are offered, in memory for one page. */
export class PageSelection<T> {
  readonly #after: string;
  readonly #limit: number;
  readonly #entries: { readonly key: string; readonly value: T }[] = [];
  #count = 0;
  #hasMore = false;

  constructor(after: string, limit: number) {
    this.#after = after;
    this.#limit = limit;
  }

  /** All that were offered, on other pages too. */
  get count(): number {
    return this.#count;
  }

  get hasMore(): boolean {
    return this.#hasMore;
  }

  offer(key: string, value: T): void {
    this.#count++;
    if (key <= this.#after) return;
    const last = this.#entries.at(-1);
    if (last !== undefined && this.#entries.length === this.#limit) {
      this.#hasMore = true;
      if (key > last.key) return;
      this.#entries.pop();
    }
    this.#entries.splice(this.#placeOf(key), 0, { key, value });
  }

  /** Ascending. */
  page(): readonly { readonly key: string; readonly value: T }[] {
    return this.#entries;
  }

  #placeOf(key: string): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#entries[middle]?.key ?? "") < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** What one page of a list says of itself. */
export interface Page<T> {
  readonly items: readonly T[];
  /** Of the next page; null on the last. */
  readonly next: string | null;
  readonly count: number;
}

/** One page of one node, for `mergePages`. */
export interface KeyedPage<T> {
  readonly entries: readonly { readonly key: string; readonly value: T }[];
  readonly hasMore: boolean;
  readonly count: number;
}

/**
 * The first entries of several sorted pages. What lies behind the end of a page that has more is left to the next page, because
 * something may come before it.
 */
export function mergePages<T>(pages: readonly KeyedPage<T>[], limit: number): Page<T> {
  const ends = pages.filter(({ hasMore }) => hasMore).map(({ entries }) => entries.at(-1)?.key);
  const known = ends.filter((key) => key !== undefined).sort(compareKeys)[0];
  const all = pages
    .flatMap(({ entries }) => entries)
    .filter(({ key }) => known === undefined || key <= known)
    .sort((a, b) => compareKeys(a.key, b.key));
  const taken = all.slice(0, limit);
  const hasMore = known !== undefined || all.length > taken.length;
  return {
    items: taken.map(({ value }) => value),
    next: hasMore ? (taken.at(-1)?.key ?? null) : null,
    count: pages.reduce((sum, { count }) => sum + count, 0),
  };
}
