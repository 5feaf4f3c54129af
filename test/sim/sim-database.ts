import type {
  Database,
  DatabaseIterator,
  DatabaseSnapshot,
  RangeOptions,
  ReadOptions,
} from "../../cluster/storage/level-open.ts";
import { seal } from "../../cluster/storage/sealed.ts";
import type { Operation } from "../../cluster/storage/state-batch.ts";

/** As it goes into the database. */
export type StoredOperation = Exclude<Operation, { readonly type: "seal" }>;

type Records = ReadonlyMap<string, Buffer>;

class SimSnapshot implements DatabaseSnapshot {
  readonly records: Records;

  constructor(records: Records) {
    this.records = records;
  }

  async close(): Promise<void> {}
}

/** Items of a range as of one moment, in the order of the keys. */
class SimIterator<Item> implements DatabaseIterator<Item> {
  readonly #items: readonly Item[];
  readonly #isDead: () => boolean;
  #at = 0;

  constructor(items: readonly Item[], isDead: () => boolean) {
    this.#items = items;
    this.#isDead = isDead;
  }

  async nextv(size: number): Promise<Item[]> {
    if (this.#isDead()) return forever;
    const from = this.#at;
    this.#at += size;
    return this.#items.slice(from, from + size);
  }

  async all(): Promise<Item[]> {
    return this.nextv(this.#items.length);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item> {
    yield* this.#items;
  }

  async close(): Promise<void> {}
}

const forever = new Promise<never>(() => undefined);

/** What LevelDB is to LevelStorage, over the records of a simulated disk. Answers nothing to a process that is dead. */
export class SimDatabase implements Database {
  readonly #records: Records;
  readonly #isDead: () => boolean;
  readonly #write: (operations: StoredOperation[], isSynced: boolean) => Promise<void>;

  constructor(
    records: Records,
    write: (operations: StoredOperation[], isSynced: boolean) => Promise<void>,
    isDead: () => boolean,
  ) {
    this.#records = records;
    this.#isDead = isDead;
    this.#write = write;
  }

  async get(key: string, options: ReadOptions = {}): Promise<Buffer | undefined> {
    if (this.#isDead()) return forever;
    const value = this.#seen(options).get(key);
    // A copy, as LevelDB answers: whoever reads may change it.
    return value && Buffer.from(value);
  }

  write(operations: readonly Operation[], { sync }: { readonly sync: boolean }): Promise<void> {
    return this.#write(operations.map(asStored), sync);
  }

  iterator(range: RangeOptions): DatabaseIterator<[string, Buffer]> {
    const records = this.#seen(range);
    return new SimIterator(
      this.#keysOf(range).map((key) => [key, Buffer.from(records.get(key) as Buffer)]),
      this.#isDead,
    );
  }

  keys(range: RangeOptions): DatabaseIterator<string> {
    return new SimIterator(this.#keysOf(range), this.#isDead);
  }

  snapshot(): DatabaseSnapshot {
    return new SimSnapshot(new Map(this.#records));
  }

  async close(): Promise<void> {}

  #seen({ snapshot }: ReadOptions): Records {
    return snapshot instanceof SimSnapshot ? snapshot.records : this.#records;
  }

  #keysOf(range: RangeOptions): string[] {
    const { gte, lt, limit = Number.POSITIVE_INFINITY } = range;
    const keys: string[] = [];
    for (const key of this.#seen(range).keys()) if (key >= gte && key < lt) keys.push(key);
    return keys.sort().slice(0, limit);
  }
}

/** What LevelDB would hold of it. */
function asStored(operation: Operation): StoredOperation {
  if (operation.type !== "seal") return operation;
  const { key, value } = operation;
  return { type: "put", key, value: seal(key, value) };
}
