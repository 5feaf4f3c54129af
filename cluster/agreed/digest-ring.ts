import type { LogIndex } from "../raft/types.ts";

/** The content digest after each of the newest log entries, so that replicas can be compared at one index. */
export class DigestRing {
  readonly #digests: string[];
  #newestIndex: LogIndex = 0;
  #count = 0;

  constructor(capacity: number) {
    this.#digests = new Array<string>(capacity).fill("");
  }

  get newestIndex(): LogIndex {
    return this.#newestIndex;
  }

  /** Indexes come without gaps, except after `reset`. */
  record(index: LogIndex, digest: string): void {
    this.#digests[index % this.#digests.length] = digest;
    this.#newestIndex = index;
    this.#count = Math.min(this.#count + 1, this.#digests.length);
  }

  /** The state was replaced: what came before is not known. */
  reset(index: LogIndex, digest: string): void {
    this.#count = 0;
    this.record(index, digest);
  }

  at(index: LogIndex): string | null {
    if (index > this.#newestIndex || index <= this.#newestIndex - this.#count) return null;
    return this.#digests[index % this.#digests.length] ?? null;
  }
}
