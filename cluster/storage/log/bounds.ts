import { ClusterError } from "../../errors.ts";
import { defaultGroup, type Entry, type LogIndex } from "../../raft/types.ts";
import type { StorageChange, StorageRestore } from "../storage.ts";

/**
 * Where log and state stand once everything handed over is durable. Refuses a change that would leave a hole or
 * rewrite what was applied: such a change is a bug above, and on disk it would be found only at the next start.
 */
export class LogBounds {
  #snapshotIndex: LogIndex;
  #lastIndex: LogIndex;
  #appliedIndex: LogIndex;
  #isStaging = false;

  constructor(restore: Pick<StorageRestore, "snapshot" | "entries" | "appliedIndex">) {
    this.#snapshotIndex = restore.snapshot.index;
    this.#lastIndex = restore.snapshot.index + restore.entries.length;
    this.#appliedIndex = restore.appliedIndex;
  }

  stagingBegun(): void {
    this.#isStaging = true;
  }

  /** Throws ClusterError `storage-failed` and changes nothing when the change is not acceptable. */
  admit(change: StorageChange): void {
    const { groupId, installSnapshot, entries, hardState, applied, compactTo } = change;
    let snapshotIndex = this.#snapshotIndex;
    let lastIndex = this.#lastIndex;
    let appliedIndex = this.#appliedIndex;
    require(groupId === defaultGroup, "unknown group", { groupId });
    if (installSnapshot !== undefined) {
      const { index } = installSnapshot;
      require(this.#isStaging, "no snapshot was staged", { index });
      require(index >= appliedIndex, "snapshot is older than the state", { index, appliedIndex });
      snapshotIndex = lastIndex = appliedIndex = index;
    }
    const first = entries?.[0];
    if (entries !== undefined && first !== undefined) {
      const facts = { first: first.index, lastIndex, appliedIndex };
      require(first.index <= lastIndex + 1, "entries leave a hole", facts);
      require(first.index > appliedIndex, "entries replace applied ones", facts);
      requireContiguous(entries);
      lastIndex = first.index + entries.length - 1;
    }
    if (hardState !== undefined) {
      const { commit } = hardState;
      require(commit <= lastIndex, "commit is beyond the log", { commit, lastIndex });
    }
    if (applied !== undefined) {
      const facts = { index: applied.index, appliedIndex, lastIndex };
      require(applied.index >= appliedIndex, "applied index goes backwards", facts);
      require(applied.index <= lastIndex, "applied index is beyond the log", facts);
      appliedIndex = applied.index;
    }
    if (compactTo !== undefined) {
      const facts = { index: compactTo.index, appliedIndex };
      require(compactTo.index <= appliedIndex, "compaction is beyond the applied index", facts);
      snapshotIndex = Math.max(snapshotIndex, compactTo.index);
    }
    this.#snapshotIndex = snapshotIndex;
    this.#lastIndex = lastIndex;
    this.#appliedIndex = appliedIndex;
    if (installSnapshot !== undefined) this.#isStaging = false;
  }
}

function requireContiguous(entries: readonly Entry[]): void {
  let expected = entries[0]!.index;
  for (const { index } of entries) {
    require(index === expected, "entries are not contiguous", { index, expected });
    expected++;
  }
}

function require(holds: boolean, reason: string, facts: Record<string, unknown>): void {
  if (!holds) {
    throw new ClusterError("storage-failed", `change refused: ${reason}`, { reason, ...facts });
  }
}
