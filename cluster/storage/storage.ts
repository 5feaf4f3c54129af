import type { WritingTurn } from "../agreed/writing-turns.ts";
import type { NodeId } from "../node-id.ts";
import type {
  Configuration,
  Entry,
  GroupId,
  HardState,
  LogIndex,
  SnapshotPoint,
  Term,
} from "../raft/types.ts";

/**
 * What a node remembers about itself; written when it founds or joins a cluster.
 * `incarnation` counts the starts of this data directory: raised and synced on every open.
 */
export interface NodeRecord {
  readonly clusterId: string;
  readonly nodeId: NodeId;
  readonly name: string;
}

/** One key of the replicated state. Keys are UTF-8 strings chosen by the state machine; `null` deletes. */
export interface StateWrite {
  readonly key: string;
  readonly value: Uint8Array | null;
  /** The state had no record under this key: when it goes before it was written to the disk, neither has to be. */
  readonly isNew?: boolean;
  /** No other record has had the key, and none will: so nobody need look for it among what waits. */
  readonly once?: OnceWrite;
}

/** A write to such a key; its deletion refers to the same one. */
export interface OnceWrite {
  /** What may still be left out on its way to the disk. Belongs to the storage. */
  waiting: StateWrite | null;
}

/** Effects of committed entries, written in the same batch as the applied index (etcd #13766). */
export interface AppliedEffects {
  readonly index: LogIndex;
  readonly term: Term;
  readonly configuration: Configuration;
  readonly writes: readonly StateWrite[];
  /** When this node writes: in its turn what waits already leaves with these. Left out: as the first voter, whose turn it is not. */
  readonly turn?: WritingTurn;
}

/**
 * One change to the disk. Fields left out are left alone. What is for the log (hard state and entries) becomes durable at once or not at all, and
 * so does what is for the state: effects never before the entries that they follow from, a log never before the snapshot that it begins with.
 */
export interface StorageChange {
  readonly groupId: GroupId;
  readonly hardState?: HardState;
  /** Truncates the log from `entries[0].index` and appends. */
  readonly entries?: readonly Entry[];
  readonly applied?: AppliedEffects;
  /** Drops log entries up to and including `index`, which must be durably applied. */
  readonly compactTo?: SnapshotPoint;
  /** Makes the staged snapshot the state: drops the old state and the whole log, also entries beyond its index. */
  readonly installSnapshot?: SnapshotPoint;
  readonly nodeRecord?: NodeRecord;
}

export interface StorageRestore {
  readonly incarnation: number;
  readonly nodeRecord: NodeRecord | null;
  readonly hardState: HardState;
  readonly snapshot: SnapshotPoint;
  readonly entries: readonly Entry[];
  readonly appliedIndex: LogIndex;
  readonly appliedTerm: Term;
  readonly configuration: Configuration;
}

/** A consistent view of the replicated state at one index, for sending to a follower. Must be closed. */
export interface StateView {
  readonly point: SnapshotPoint;
  /**
   * Batches of records in a fixed order of their keys, each about `chunkSizeBytes` of keys and values; with `after` only those
   * that come behind this key.
   */
  chunks(chunkSizeBytes: number, after?: string | null): AsyncIterable<readonly StateWrite[]>;
  close(): Promise<void>;
}

export interface StorageStats {
  readonly queuedChanges: number;
  readonly syncedBatches: number;
  readonly logSizeBytes: number;
}

/**
 * What a node keeps on its disk (DESIGN section 3), in one write stream for the log and one for the state. In each one synced batch is in flight; every change
 * handed over meanwhile forms the next. `done` runs when all of the change is on the disk: for changes to the log, snapshots among them, in the order
 * of the calls; for effects, which the log holds until then, it may come later. A failed sync is final: `onFailure` runs once and nothing is ever
 * acknowledged again.
 */
export interface ClusterStorage {
  /**
   * Reads and checks everything: records' CRC and chain, contiguous indexes, the separately synced floor.
   * Throws ClusterError `storage-locked` (another process), `storage-corrupt` (with the record concerned).
   */
  open(): Promise<StorageRestore>;
  write(change: StorageChange, done: () => void): void;
  /** All records of the replicated state as of the last durable batch. */
  loadState(visit: (key: string, value: Uint8Array) => void): Promise<void>;
  /** `null` while nothing was applied yet. */
  openStateView(): Promise<StateView | null>;
  /** Starts receiving a snapshot beside the live state, discarding an earlier unfinished one. */
  beginStaging(): Promise<void>;
  stage(records: readonly StateWrite[]): Promise<void>;
  /**
   * Reads the log and the files as they are now and checks them as `open` does; `pause` is awaited between pieces. Throws
   * ClusterError `storage-corrupt`. Left out where there is no disk.
   */
  scrub?(pause: () => Promise<void>): Promise<void>;
  stats(): StorageStats;
  /** Waits for what was handed over, then closes. */
  close(): Promise<void>;
}

export interface StorageOptions {
  /** How long effects alone wait for others to be joined with; 0: not at all. Left out: that of `logLimits`. */
  readonly effectsDelayMs?: number;
  readonly onFailure: (error: Error) => void;
}
