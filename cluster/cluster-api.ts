import type { CompactedLog } from "./drivers/compaction-driver.ts";
import type { Histogram } from "./histogram.ts";
import type { NodeId } from "./node-id.ts";
import type { ClusterStatus } from "./status.ts";
import type { LinkStats } from "./transport/transport.ts";

/** What became of a proposed command. */
export type ProposalOutcome =
  /** Committed by a majority, durable on each of them, and applied on this node. `result` is the state machine's. */
  | { readonly status: "applied"; readonly index: number; readonly result: unknown }
  /** Definitely not in the log and never will be. */
  | { readonly status: "rejected"; readonly reason: "overloaded" | "too-large" | "stopped" }
  /** Not known in time: it may be applied later, or not. */
  | { readonly status: "unknown"; readonly reason: "timeout" | "stopped" };

/** `ok`: what is read here from now on holds everything acknowledged before the question. */
export type ReadOutcome = "ok" | "no-quorum" | "overloaded";

export interface MemberView {
  readonly nodeId: NodeId;
  readonly name: string;
  readonly addresses: readonly string[];
  readonly isVoter: boolean;
  readonly isSelf: boolean;
  readonly isLeader: boolean;
  readonly state: "up" | "suspect" | "down";
}

/** A change in what another node wants. `weight` 0: no longer wanted. */
export interface InterestChange {
  readonly key: string;
  readonly weight: number;
}

export interface InterestHandler {
  /** Apply to what is known of `nodeId`. */
  changed(nodeId: NodeId, changes: readonly InterestChange[]): void;
  /** Forget all that is known of `nodeId`; a new full set may follow as `changed`. */
  cleared(nodeId: NodeId): void;
}

/**
 * One node's view of its cluster: the door through which the broker uses consensus, interest and links.
 * A cluster of one node is a cluster; nothing above asks "are we clustered".
 */
export interface Cluster {
  readonly nodeId: NodeId;
  readonly name: string;
  readonly clusterId: string;
  readonly peerPort: number;
  /** Number of this start of the data directory. */
  readonly incarnation: number;

  /**
   * Appends a command to the log. Commands of one node are applied in the order of the calls, each exactly once, also
   * across leader changes. `done` runs exactly once, on a later turn.
   */
  propose(command: Uint8Array, timeoutMs: number, done: (outcome: ProposalOutcome) => void): void;
  /**
   * Resolves "ok" when this node has applied everything that any node acknowledged before the call
   * (ReadIndex, batched); "no-quorum" after `timeoutMs` without an answer, "overloaded" at once when too many callers wait.
   */
  readBarrier(timeoutMs: number): Promise<ReadOutcome>;
  /**
   * True when a `readBarrier` would find nothing to wait for, which only a node that nobody else votes with can know by itself: then what
   * it has applied is everything that any node acknowledged before the call. False says nothing.
   */
  isInStep(): boolean;
  /** Milliseconds since this node last knew it was in step with a leader; how old a local read may be. */
  stalenessMs(): number;
  hasQuorum(): boolean;

  /** Declares what this node wants; weight 0 withdraws. Spread at once, at the end of the turn. */
  setInterest(key: string, weight: number): void;
  /** Resolves when every live peer holds all interest set before the call, or after `timeoutMs`, counted. */
  interestBarrier(timeoutMs: number): Promise<"live" | "timeout">;
  /** Exactly one handler; it first hears of everything already known. */
  onInterest(handler: InterestHandler): void;

  /**
   * Sends to one node. `atLeastOnce` is kept until the peer confirms it and resent after a reconnect (the receiver drops
   * repetitions: in order, exactly once while both processes live); `atMostOnce` is dropped when there is no link.
   * Both keep one order per peer. "dropped": the queue to that peer is full, or the node is gone; counted.
   */
  forward(
    to: NodeId,
    frame: Uint8Array,
    delivery: "atMostOnce" | "atLeastOnce",
  ): "queued" | "dropped";
  onForward(handler: (from: NodeId, frame: Uint8Array) => void): void;

  request(to: NodeId, kind: string, payload: Uint8Array, timeoutMs: number): Promise<Uint8Array>;
  onRequest(
    kind: string,
    handler: (from: NodeId, payload: Uint8Array) => Promise<Uint8Array>,
  ): void;

  members(): readonly MemberView[];
  /** Called when a member comes, goes, changes state or leadership moves. */
  onMembersChanged(handler: () => void): void;

  status(): Promise<ClusterStatus>;
  /**
   * As `status`, but every replica reads its records from the disk and makes their digest anew. A replica that differs from
   * a majority of voters is silent when this resolves, and starts anew from the others (`onCondemned`).
   */
  verify(): Promise<ClusterStatus>;
  /** Cuts the log to what is applied, on one member or on all. Rejects with `unknown-node`. */
  compactLog(only: NodeId | null): Promise<readonly CompactedLog[]>;
  /** Joined, caught up with the leader, and the routes of all live peers known. */
  isReady(): boolean;
  /** The parts of `isReady`, for /readyz?verbose. */
  readiness(): readonly { readonly name: string; readonly isOk: boolean }[];
  whenReady(): Promise<void>;
  removeMember(nodeId: NodeId): Promise<void>;
  transferLeadership(to: NodeId | null): Promise<NodeId>;
  linkStats(): readonly LinkStats[];
  /** Counters and gauges for `/metrics`: name -> value. */
  metrics(): ReadonlyMap<string, number>;
  /** From the proposal of a command on this node until it is applied here, in seconds; what was refused or got lost is not in it. */
  readonly commitLatency: Histogram;
  /** Hands over leadership, says goodbye to the peers, waits for the disk. Bounded by `timeoutMs`. */
  stop(timeoutMs: number): Promise<void>;
}
