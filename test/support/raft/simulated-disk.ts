import type { RaftRestore } from "../../../cluster/raft/api.ts";
import type { StorageWrite } from "../../../cluster/raft/ready.ts";
import {
  type Configuration,
  type Entry,
  EntryType,
  type HardState,
  type LogIndex,
  type SnapshotPoint,
  type Term,
} from "../../../cluster/raft/types.ts";

/** The replicated state of the simulation: a chain over all applied entries. */
export interface AppliedState {
  readonly point: SnapshotPoint;
  readonly digest: number;
}

export type DiskChange =
  | { readonly type: "write"; readonly write: StorageWrite; readonly staged: AppliedState | null }
  | { readonly type: "applied"; readonly state: AppliedState }
  | { readonly type: "compact"; readonly point: SnapshotPoint };

/**
 * An ordered stream of changes of which only a prefix is durable. A crash keeps what was durable and a random part of
 * what was on its way.
 */
export class SimulatedDisk {
  hardState: HardState = { term: 0, vote: null, commit: 0 };
  base: SnapshotPoint;
  entries: Entry[] = [];
  state: AppliedState;
  readonly #queue: DiskChange[] = [];

  /** `terms` are those of empty entries that follow the state at `index`. */
  constructor(index: LogIndex, configuration: Configuration, terms: readonly Term[] = []) {
    this.base = { index, term: Math.min(index, 1), configuration };
    this.entries = terms.map((term, at) => ({
      term,
      index: index + 1 + at,
      type: EntryType.noop,
      data: new Uint8Array(0),
    }));
    this.hardState = { term: terms.at(-1) ?? this.base.term, vote: null, commit: index };
    this.state = { point: this.base, digest: 0 };
  }

  get queueLength(): number {
    return this.#queue.length;
  }

  put(change: DiskChange): void {
    this.#queue.push(change);
  }

  /** Makes the oldest change durable. */
  sync(): DiskChange | undefined {
    const change = this.#queue.shift();
    if (change?.type === "applied") {
      this.state = change.state;
    } else if (change?.type === "compact") {
      if (change.point.index <= this.base.index) {
        // A snapshot overtook it.
        return change;
      }
      this.entries = this.entries.filter((entry) => entry.index > change.point.index);
      this.base = change.point;
    } else if (change !== undefined) {
      this.#takeWrite(change.write, change.staged);
    }
    return change;
  }

  #takeWrite(write: StorageWrite, staged: AppliedState | null): void {
    this.hardState = write.hardState ?? this.hardState;
    if (write.snapshot !== null) {
      if (staged === null || staged.point.index !== write.snapshot.index) {
        throw new Error("the snapshot to install was not staged");
      }
      this.base = write.snapshot;
      this.entries = [];
      this.state = staged;
    }
    const first = write.entries[0];
    if (first !== undefined) {
      if (first.index > this.base.index + this.entries.length + 1) {
        throw new Error("a write leaves a gap in the log");
      }
      this.entries.length = first.index - this.base.index - 1;
      this.entries.push(...write.entries);
    }
  }

  crash(keptChanges: number): void {
    for (let kept = 0; kept < keptChanges; kept += 1) {
      this.sync();
    }
    this.#queue.length = 0;
  }

  /** Whether the entry, or state that contains it, would survive a crash now. */
  holds(index: LogIndex, term: number): boolean {
    return index <= this.base.index || this.entries[index - this.base.index - 1]?.term === term;
  }

  restore(): RaftRestore {
    return {
      hardState: this.hardState,
      snapshot: this.base,
      entries: this.entries,
      appliedIndex: this.state.point.index,
      configuration: this.state.point.configuration,
    };
  }
}
