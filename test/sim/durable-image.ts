import type { HardState, LogIndex, SnapshotPoint, Term } from "../../cluster/raft/types.ts";
import type { StorageRestore } from "../../cluster/storage/storage.ts";
import { type Facts, hashEntry } from "./facts.ts";
import { type LogChange, LogImage } from "./log-image.ts";

/** What of a change matters to the checks. */
export interface DurableChange extends LogChange {
  readonly hardState?: HardState;
  readonly applied?: { readonly index: LogIndex };
}

/** What a disk has confirmed as durable, kept by the checks beside the disk itself. */
export class DurableImage {
  readonly #facts: Facts;
  readonly #nodeId: string;
  log = new LogImage();
  hardState: HardState = { term: 0, vote: null, commit: 0 };
  appliedIndex: LogIndex = 0;
  /** The latest one that was installed. */
  #snapshot: Pick<SnapshotPoint, "index" | "term"> = { index: 0, term: 0 };

  constructor(facts: Facts, nodeId: string) {
    this.#facts = facts;
    this.#nodeId = nodeId;
  }

  demand(isTrue: boolean, promise: string, what: string): void {
    this.#facts.demand(isTrue, promise, `${this.#nodeId}: ${what}`);
  }

  /** One change becomes durable. */
  change(change: DurableChange): void {
    const { demand } = this.#facts;
    const { applied, installSnapshot, compactTo } = change;
    this.log.change(change);
    if (installSnapshot !== undefined) {
      this.#snapshot = installSnapshot;
      this.hardState = withSnapshot(this.hardState, installSnapshot);
    }
    // It may have been handed over before the snapshot was, which came to the disk first.
    const hardState = change.hardState && withSnapshot(change.hardState, this.#snapshot);
    if (hardState !== undefined) {
      const before = this.hardState;
      const isLater = hardState.term > before.term;
      const isSame = hardState.term === before.term;
      demand(
        isLater || isSame,
        "monotonic term",
        () => `${this.#nodeId} went back from ${before.term}`,
      );
      demand(
        hardState.commit >= before.commit,
        "monotonic commit",
        () => `${this.#nodeId} went back from ${before.commit} to ${hardState.commit}`,
      );
      demand(
        isLater || before.vote === null || before.vote === hardState.vote,
        "one vote per term",
        () => `${this.#nodeId} changed its vote in term ${hardState.term}`,
      );
      this.hardState = hardState;
    }
    const index = installSnapshot?.index ?? applied?.index;
    if (index !== undefined) {
      const isLater = index >= this.appliedIndex;
      demand(isLater, "monotonic applied index", () => `${this.#nodeId} at ${index}`);
      this.appliedIndex = index;
    }
    if (compactTo !== undefined) {
      demand(
        compactTo.index <= this.appliedIndex,
        "purged <= applied",
        `${this.#nodeId} cut its log at ${compactTo.index}, applied is ${this.appliedIndex}`,
      );
    }
    demand(
      this.appliedIndex <= this.log.lastIndex && this.hardState.commit <= this.log.lastIndex,
      "applied <= last",
      () =>
        `${this.#nodeId} has applied ${this.appliedIndex}, its log ends at ${this.log.lastIndex}`,
    );
  }

  /** The disk is that of a new node from now on; what it had confirmed is answered. */
  handOver(): DurableImage {
    const old = new DurableImage(this.#facts, this.#nodeId);
    old.log = this.log;
    old.hardState = this.hardState;
    old.appliedIndex = this.appliedIndex;
    this.#snapshot = { index: 0, term: 0 };
    this.log = new LogImage();
    this.hardState = { term: 0, vote: null, commit: 0 };
    this.appliedIndex = 0;
    return old;
  }

  holds(index: LogIndex, term: Term): boolean {
    return index <= this.log.baseIndex || this.log.termAt(index) === term;
  }

  /** What of a restart differs from what was confirmed; null when nothing does. */
  difference(restore: StorageRestore): string | null {
    const { hardState, log, appliedIndex } = this;
    if (restore.hardState.term !== hardState.term || restore.hardState.vote !== hardState.vote) {
      return `restarts in term ${restore.hardState.term}, it wrote ${hardState.term}, or with another vote`;
    }
    const lastIndex = restore.snapshot.index + restore.entries.length;
    const isSame =
      lastIndex === log.lastIndex &&
      restore.entries.every((entry) => log.at(entry.index)?.hash === hashEntry(entry));
    if (!isSame)
      return `restarts with a log up to ${lastIndex}, it wrote one up to ${log.lastIndex}`;
    if (restore.appliedIndex === appliedIndex) return null;
    return `restarts at applied index ${restore.appliedIndex}, it wrote ${appliedIndex}`;
  }
}

/** A snapshot tells of its term, and that it is committed, also when nothing else of its change has come to the disk. */
function withSnapshot(
  hardState: HardState,
  { term, index }: Pick<SnapshotPoint, "index" | "term">,
): HardState {
  const commit = Math.max(hardState.commit, index);
  return hardState.term < term ? { term, vote: null, commit } : { ...hardState, commit };
}
