/**
 * Whether what clients saw of one register can be explained by one order of its operations in which each takes effect
 * between its call and its return: the search of Wing and Gong with Lowe's memory of states that were tried, one register
 * at a time.
 */
export interface Operation {
  /** `cas` wrote because it found `expected`; `mismatch` found something else than `expected` and changed nothing. */
  readonly kind: "write" | "read" | "cas" | "mismatch";
  /** Each write has a value of its own; null is "nothing was there", which only a read can find. */
  readonly value: string | null;
  /** What a compare-and-set was to find. */
  readonly expected?: string | null;
  /** Only the order of times matters; any unit will do. */
  readonly startMs: number;
  /** Infinity: the outcome of the write is unknown; it may have taken effect at any time since, or never. */
  readonly endMs: number;
  /** For the report: who did it, and where. */
  readonly by: string;
}

export type Verdict =
  | { readonly isLinearizable: true }
  /** `blocking` could not be put anywhere; `before` is the longest order that was found without it. */
  | {
      readonly isLinearizable: false;
      readonly blocking: Operation;
      readonly before: readonly Operation[];
    };

/**
 * `rankOf` may say in which order values were written: that order is tried first, which spares the search when it holds, and
 * decides nothing when it does not. Throws when a value was written twice: then a read says nothing about which write it saw.
 */
export function checkRegister(
  operations: readonly Operation[],
  rankOf?: (value: string | null) => number,
): Verdict {
  const phantom = phantomRead(operations);
  if (phantom !== null) return { isLinearizable: false, blocking: phantom, before: [] };
  const closed = closeIntervals(operations);
  if (rankOf !== undefined && isOrdered(closed, rankOf)) return { isLinearizable: true };
  return new Search(closed).run();
}

function isWriting({ kind }: Operation): boolean {
  return kind === "write" || kind === "cas";
}

/** The value that was there when it took effect, if it says; null stands for "nothing was there". */
function foundBy({ kind, value, expected = null }: Operation): string | null | undefined {
  if (kind === "read") return value;
  return kind === "cas" ? expected : undefined;
}

/** Something found a value that nobody wrote, or that was written only after it had ended. */
function phantomRead(operations: readonly Operation[]): Operation | null {
  const startOf = new Map<string | null, number>([[null, Number.NEGATIVE_INFINITY]]);
  for (const operation of operations) {
    if (!isWriting(operation)) continue;
    const { value, startMs } = operation;
    if (startOf.has(value)) throw new Error(`${value} was written twice`);
    startOf.set(value, startMs);
  }
  const isPhantom = (operation: Operation): boolean => {
    const found = foundBy(operation);
    if (found === undefined || operation.endMs === Number.POSITIVE_INFINITY) return false;
    return (startOf.get(found) ?? Number.POSITIVE_INFINITY) > operation.endMs;
  };
  return operations.find(isPhantom) ?? null;
}

/**
 * An unknown write that nobody saw may come after everything else, so it explains nothing and is left out; one that was
 * seen took effect before the first that saw it had ended. So no interval stays open, and the search stays small. What
 * an unknown compare-and-set found was seen only if that one was seen itself: hence again until nothing changes.
 */
function closeIntervals(operations: readonly Operation[]): readonly Operation[] {
  const endOf = new Map<Operation, number>();
  for (const operation of operations) endOf.set(operation, operation.endMs);
  for (let isChanged = true; isChanged; ) {
    isChanged = false;
    const seenMs = new Map<string | null, number>();
    for (const [operation, endMs] of endOf) {
      const found = foundBy(operation);
      if (found !== undefined) seenMs.set(found, Math.min(endMs, seenMs.get(found) ?? endMs));
    }
    for (const [operation, endMs] of endOf) {
      const seen = seenMs.get(operation.value);
      if (!isWriting(operation) || endMs !== Number.POSITIVE_INFINITY || seen === undefined)
        continue;
      if (seen === Number.POSITIVE_INFINITY) continue;
      endOf.set(operation, seen);
      isChanged = true;
    }
  }
  return operations.flatMap((operation) => {
    const endMs = endOf.get(operation) as number;
    return endMs === Number.POSITIVE_INFINITY ? [] : [{ ...operation, endMs }];
  });
}

/** Whether the order that `rankOf` gives, with reads behind what they found, explains everything. */
function isOrdered(
  operations: readonly Operation[],
  rankOf: (value: string | null) => number,
): boolean {
  if (operations.some(({ kind }) => kind === "mismatch")) return false;
  const order = operations
    .map((operation) => ({
      operation,
      rank: operation.value === null ? -1 : rankOf(operation.value),
    }))
    .sort(
      (a, b) =>
        a.rank - b.rank ||
        Number(isWriting(b.operation)) - Number(isWriting(a.operation)) ||
        a.operation.startMs - b.operation.startMs,
    );
  let value: string | null = null;
  let latestStartMs = Number.NEGATIVE_INFINITY;
  for (const { operation } of order) {
    const found = foundBy(operation);
    if (found !== undefined && found !== value) return false;
    // Something that is to come after it had begun only when it was over.
    if (operation.endMs < latestStartMs) return false;
    latestStartMs = Math.max(latestStartMs, operation.startMs);
    value = operation.value;
  }
  return true;
}

interface Tried {
  readonly operation: number;
  /** The value before it. */
  readonly value: string | null;
}

/** Calls and returns as a linked list in the order of time; what was put in order is lifted out of it. */
class Search {
  readonly #operations: readonly Operation[];
  /** Entry 2i + 1 is the call of operation i, 2i + 2 its return, 0 the head. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #isDone: Uint8Array;
  readonly #tried: Tried[] = [];
  readonly #known = new Set<string>();
  #value: string | null = null;
  /** All operations before this one are done. */
  #lowest = 0;
  /** No operation after this one is done. */
  #highest = -1;

  constructor(operations: readonly Operation[]) {
    this.#operations = [...operations].sort((a, b) => a.startMs - b.startMs);
    const size = this.#operations.length * 2 + 1;
    this.#next = new Int32Array(size).fill(-1);
    this.#previous = new Int32Array(size).fill(-1);
    this.#isDone = new Uint8Array(this.#operations.length);
    let last = 0;
    for (const entry of this.#inOrderOfTime()) {
      this.#next[last] = entry;
      this.#previous[entry] = last;
      last = entry;
    }
  }

  run(): Verdict {
    let longest: readonly Tried[] = [];
    let blocking: Operation | undefined;
    let entry = this.#after(0);
    while (this.#after(0) !== -1) {
      const operation = (entry - 1) >> 1;
      if (entry % 2 === 1) {
        entry = this.#take(operation) ? this.#after(0) : this.#after(entry);
        continue;
      }
      if (blocking === undefined || this.#tried.length > longest.length) {
        longest = [...this.#tried];
        blocking = this.#operations[operation];
      }
      const last = this.#tried.pop();
      if (last === undefined) return this.#verdict(blocking, longest);
      this.#giveBack(last);
      entry = this.#after(last.operation * 2 + 1);
    }
    return { isLinearizable: true };
  }

  /** Puts it next in the order; false when it does not fit there, or led nowhere before. */
  #take(index: number): boolean {
    const operation = this.#operations[index] as Operation;
    const found = foundBy(operation);
    if (found !== undefined && found !== this.#value) return false;
    if (operation.kind === "mismatch" && (operation.expected ?? null) === this.#value) return false;
    const lowest = this.#lowest;
    const highest = this.#highest;
    this.#isDone[index] = 1;
    this.#highest = Math.max(highest, index);
    while (this.#isDone[this.#lowest] === 1) this.#lowest++;
    const value = operation.kind === "mismatch" ? this.#value : operation.value;
    const state = this.#describe(value);
    if (this.#known.has(state)) {
      this.#isDone[index] = 0;
      this.#lowest = lowest;
      this.#highest = highest;
      return false;
    }
    this.#known.add(state);
    this.#tried.push({ operation: index, value: this.#value });
    this.#value = value;
    for (const entry of [index * 2 + 1, index * 2 + 2]) {
      const next = this.#after(entry);
      const previous = this.#previous[entry] as number;
      this.#next[previous] = next;
      if (next !== -1) this.#previous[next] = previous;
    }
    return true;
  }

  #giveBack({ operation, value }: Tried): void {
    for (const entry of [operation * 2 + 2, operation * 2 + 1]) {
      const next = this.#after(entry);
      this.#next[this.#previous[entry] as number] = entry;
      if (next !== -1) this.#previous[next] = entry;
    }
    this.#value = value;
    this.#isDone[operation] = 0;
    this.#lowest = Math.min(this.#lowest, operation);
    while (this.#highest >= 0 && this.#isDone[this.#highest] === 0) this.#highest--;
  }

  /** Which operations are done, without those before the first that is not, and the value after them. */
  #describe(value: string | null): string {
    const window = this.#isDone.subarray(this.#lowest, this.#highest + 1);
    return `${this.#lowest} ${window.join("")} ${value}`;
  }

  #after(entry: number): number {
    return this.#next[entry] as number;
  }

  /** A return and a call at the same time count as concurrent, so the call comes first. */
  #inOrderOfTime(): readonly number[] {
    const timed = this.#operations.flatMap(({ startMs, endMs }, i) => [
      { entry: i * 2 + 1, atMs: startMs },
      { entry: i * 2 + 2, atMs: endMs },
    ]);
    timed.sort((a, b) => a.atMs - b.atMs || (b.entry % 2) - (a.entry % 2));
    return timed.map(({ entry }) => entry);
  }

  #verdict(blocking: Operation | undefined, longest: readonly Tried[]): Verdict {
    const before = longest.map(({ operation }) => this.#operations[operation] as Operation);
    return { isLinearizable: false, blocking: blocking as Operation, before };
  }
}
