import type { NodeId } from "../node-id.ts";
import type { Message } from "./messages.ts";
import type { RaftStatus, Ready } from "./ready.ts";
import type {
  ConfigChange,
  Configuration,
  Entry,
  HardState,
  LogIndex,
  SnapshotPoint,
  Term,
} from "./types.ts";

export interface RaftOptions {
  readonly nodeId: NodeId;
  /** Ticks without word from a leader before a campaign; each wait is drawn from [electionTicks, 2*electionTicks). */
  readonly electionTicks: number;
  /** Ticks between heartbeats of a leader; at most a fifth of electionTicks. */
  readonly heartbeatTicks: number;
  /** Payload bytes in one append message; at least one entry is always sent. */
  readonly appendSizeBytesMax: number;
  /** Append messages on their way to one follower in state replicate. */
  readonly inflightAppendsMax: number;
  readonly inflightBytesMax: number;
  /** Bytes of proposals not yet committed that a leader accepts; beyond it `propose` answers "overloaded". */
  readonly uncommittedBytesMax: number;
  /** Bytes of committed entries handed out by one `ready()`. */
  readonly committedBytesPerReadyMax: number;
  readonly random: () => number;
}

/** What storage remembers; a new node starts with term 0, an empty log and, if it founds a cluster, itself as only voter. */
export interface RaftRestore {
  readonly hardState: HardState;
  /** Everything up to here was replaced by state; its configuration is the one at that index. */
  readonly snapshot: SnapshotPoint;
  /** Contiguous, from snapshot.index + 1. */
  readonly entries: readonly Entry[];
  /** The state machine holds all effects up to here; `configuration` is the one in force at this index. */
  readonly appliedIndex: LogIndex;
  readonly configuration: Configuration;
}

export type ProposeResult =
  | { readonly status: "accepted"; readonly index: LogIndex; readonly term: Term }
  | { readonly status: "rejected"; readonly reason: "not-leader" | "transferring" | "overloaded" };

export type ConfigChangeResult =
  | { readonly status: "accepted"; readonly index: LogIndex; readonly term: Term }
  | {
      readonly status: "rejected";
      readonly reason:
        | "not-leader"
        | "transferring"
        | "change-pending"
        | "term-not-committed"
        | "unsafe";
    };

/** The consensus core: synchronous, no clock, no I/O. Input through the methods, output through `ready()`. */
export interface RaftCore {
  tick(): void;
  step(message: Message): void;
  /** Appends one entry per element, in order, or none. */
  propose(data: readonly Uint8Array[]): ProposeResult;
  proposeConfigChange(change: ConfigChange): ConfigChangeResult;
  /** Must be called when a committed configChange entry is applied; answers the configuration now in force. */
  applyConfigChange(change: ConfigChange, index: LogIndex): Configuration;
  /** Ask for a read index. `requestId` is never reused by the caller; answered by readStates or readsDropped. */
  readIndex(requestId: number): void;
  transferLeadership(to: NodeId): boolean;
  /**
   * The link to the leader broke: forget it and campaign (Pre-Vote first) after a short random delay of 1 to 2
   * heartbeatTicks, unless it speaks again. Nothing happens when `nodeId` is not the leader.
   */
  leaderUnreachable(nodeId: NodeId): void;
  /** A follower's link broke or its queue dropped an append: back to probing. */
  reportUnreachable(nodeId: NodeId): void;
  reportSnapshot(nodeId: NodeId, outcome: "finished" | "failed"): void;
  campaign(): void;
  hasReady(): boolean;
  ready(): Ready;
  writeDone(writeId: number): void;
  applied(index: LogIndex): void;
  /**
   * Forget entries up to and including `index` (<= appliedIndex), as far as they are durable. Answers where the log begins now,
   * with the configuration in force there, for the disk to do the same.
   */
  compact(index: LogIndex): SnapshotPoint;
  /** Would a snapshot at this point replace our state? False when the log already holds it. */
  acceptsSnapshot(snapshot: SnapshotPoint): boolean;
  status(): RaftStatus;
}
