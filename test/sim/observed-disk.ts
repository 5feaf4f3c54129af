import type { HardState, LogIndex, SnapshotPoint, Term } from "../../cluster/raft/types.ts";
import { MemoryDisk } from "../../cluster/storage/memory-disk.ts";
import type { StorageChange, StorageRestore } from "../../cluster/storage/storage.ts";
import { type Facts, hashEntry } from "./facts.ts";

export interface LogMark {
  readonly term: Term;
  readonly hash: number;
}

/** What of a log matters to the checks: term and content of each entry after the snapshot point. */
export class LogImage {
  baseIndex: LogIndex = 0;
  baseTerm: Term = 0;
  marks: LogMark[] = [];

  get lastIndex(): LogIndex {
    return this.baseIndex + this.marks.length;
  }

  at(index: LogIndex): LogMark | undefined {
    return this.marks[index - this.baseIndex - 1];
  }

  termAt(index: LogIndex): Term | undefined {
    return index === this.baseIndex ? this.baseTerm : this.at(index)?.term;
  }

  /** In the order in which disks take the parts of a change. */
  change({ installSnapshot, entries, compactTo }: StorageChange): void {
    if (installSnapshot !== undefined) this.restart(installSnapshot);
    if (entries !== undefined && entries.length > 0) {
      this.marks.length = (entries[0]?.index ?? 0) - this.baseIndex - 1;
      for (const entry of entries) this.marks.push({ term: entry.term, hash: hashEntry(entry) });
    }
    if (compactTo !== undefined && compactTo.index > this.baseIndex) {
      this.marks = this.marks.slice(compactTo.index - this.baseIndex);
      this.baseIndex = compactTo.index;
      this.baseTerm = compactTo.term;
    }
  }

  restart({ index, term }: SnapshotPoint): void {
    this.baseIndex = index;
    this.baseTerm = term;
    this.marks = [];
  }
}

/** A simulated disk, and beside it what the checks must know of what is durable on it. */
export class ObservedDisk extends MemoryDisk {
  readonly #facts: Facts;
  readonly #nodeId: string;
  readonly log = new LogImage();
  hardState: HardState = { term: 0, vote: null, commit: 0 };
  appliedIndex: LogIndex = 0;

  constructor(facts: Facts, nodeId: string) {
    super();
    this.#facts = facts;
    this.#nodeId = nodeId;
  }

  override start(): StorageRestore {
    const restore = super.start();
    const { demand } = this.#facts;
    const { hardState } = this;
    demand(
      restore.hardState.term === hardState.term && restore.hardState.vote === hardState.vote,
      "durability",
      `${this.#nodeId} restarts with another term or vote than it wrote`,
    );
    demand(
      restore.snapshot.index + restore.entries.length === this.log.lastIndex &&
        restore.entries.every((entry) => this.log.at(entry.index)?.hash === hashEntry(entry)),
      "durability",
      `${this.#nodeId} restarts with another log than it wrote`,
    );
    demand(
      restore.appliedIndex === this.appliedIndex,
      "durability",
      `${this.#nodeId} restarts at applied index ${restore.appliedIndex}, it wrote ${this.appliedIndex}`,
    );
    return restore;
  }

  /** One change of a batch becomes durable. */
  override apply(change: StorageChange): void {
    super.apply(change);
    const { demand } = this.#facts;
    const { hardState, applied, installSnapshot, compactTo } = change;
    this.log.change(change);
    if (hardState !== undefined) {
      const before = this.hardState;
      const isLater = hardState.term > before.term;
      const isSame = hardState.term === before.term && hardState.commit >= before.commit;
      demand(isLater || isSame, "monotonic term", `${this.#nodeId} went back from ${before.term}`);
      demand(
        isLater || before.vote === null || before.vote === hardState.vote,
        "one vote per term",
        `${this.#nodeId} changed its vote in term ${hardState.term}`,
      );
      this.hardState = hardState;
    }
    const index = installSnapshot?.index ?? applied?.index;
    if (index !== undefined) {
      demand(index >= this.appliedIndex, "monotonic applied index", `${this.#nodeId} at ${index}`);
      this.appliedIndex = index;
    }
    if (compactTo !== undefined) {
      demand(
        compactTo.index <= this.appliedIndex,
        "purged <= applied",
        `${this.#nodeId} cut its log at ${compactTo.index}, applied is ${this.appliedIndex}`,
      );
    }
  }

  holds(index: LogIndex, term: Term): boolean {
    return index <= this.log.baseIndex || this.log.termAt(index) === term;
  }
}
