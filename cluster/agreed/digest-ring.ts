import type { LogIndex } from "../raft/types.ts";

/** The content digest after each of the newest log entries, so that replicas can be compared at one index. */
export class DigestRing {
  readonly #capacity: number;
  /** Grows to its capacity as entries come. */
  readonly #digests: string[] = [];
  /** The slot of the newest index. */
  #newestSlot = -1;
  #newestIndex: LogIndex = 0;
  #count = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get newestIndex(): LogIndex {
    return this.#newestIndex;
  }

  /** Indexes come without gaps, except after `reset`. */
  record(index: LogIndex, digest: string): void {
    this.#newestSlot = (this.#newestSlot + 1) % this.#capacity;
    this.#digests[this.#newestSlot] = digest;
    this.#newestIndex = index;
    this.#count = Math.min(this.#count + 1, this.#capacity);
  }

  /** The state was replaced: what came before is not known. */
  reset(index: LogIndex, digest: string): void {
    this.#count = 0;
    this.record(index, digest);
  }

  at(index: LogIndex): string | null {
    const back = this.#newestIndex - index;
    if (back < 0 || back >= this.#count) return null;
    const slot = this.#newestSlot - back;
    return this.#digests[slot < 0 ? slot + this.#capacity : slot] ?? null;
  }
}
