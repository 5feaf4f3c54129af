import type { NodeId } from "../node-id.ts";
import type { Message } from "./messages.ts";
import type {
  Configuration,
  Entry,
  HardState,
  LogIndex,
  Role,
  SnapshotPoint,
  Term,
} from "./types.ts";

/**
 * What must become durable, and what may be said only afterwards. The driver hands it to the node's one write
 * stream in the order given and calls `raft.writeDone(id)` when it is on disk; `messages` are sent then, not before.
 * Several writes may be outstanding; ids increase and complete in order.
 */
export interface StorageWrite {
  readonly id: number;
  readonly hardState: HardState | null;
  /** Replaces the log from `entries[0].index` on; empty = leave the log alone. */
  readonly entries: readonly Entry[];
  /**
   * Set when a staged snapshot becomes the state. The whole log is emptied, also beyond the snapshot's index: a log that
   * did not hold the snapshot's last entry conflicts with it. `entries` of the same write follow it.
   */
  readonly snapshot: SnapshotPoint | null;
  /** Answers that this write makes true: votes, append responses (also the node's own, handled inside the core). */
  readonly messages: readonly Message[];
}

/** The answer to `readIndex(requestId)`: a read is linearizable once `index` is applied. */
export interface ReadState {
  readonly requestId: number;
  readonly index: LogIndex;
}

/** Everything the core wants done, in the order: send, write, apply. Taking it hands over the responsibility. */
export interface Ready {
  /** May leave at once. */
  readonly messages: readonly Message[];
  readonly write: StorageWrite | null;
  /** Committed entries to apply in order; call `raft.applied(index)` after the state machine took them. */
  readonly committed: readonly Entry[];
  readonly readStates: readonly ReadState[];
  /** Read requests that can no longer be answered (term or leader changed); ask again with a new id. */
  readonly readsDropped: readonly number[];
}

/** What the leader knows of one follower; empty on a node that does not lead. */
export interface ProgressView {
  readonly nodeId: NodeId;
  readonly match: LogIndex;
  readonly next: LogIndex;
  readonly state: "probe" | "replicate" | "snapshot";
  readonly isRecentlyActive: boolean;
  readonly isLearner: boolean;
}

export interface RaftStatus {
  readonly nodeId: NodeId;
  readonly role: Role;
  readonly term: Term;
  readonly vote: NodeId | null;
  readonly leader: NodeId | null;
  readonly commitIndex: LogIndex;
  readonly appliedIndex: LogIndex;
  readonly lastIndex: LogIndex;
  readonly firstIndex: LogIndex;
  readonly configuration: Configuration;
  readonly isVoter: boolean;
  readonly hasPendingConfigChange: boolean;
  readonly transferTarget: NodeId | null;
  readonly progress: readonly ProgressView[];
}
