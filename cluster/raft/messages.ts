import type { NodeId } from "../node-id.ts";
import type { Entry, LogIndex, SnapshotPoint, Term } from "./types.ts";

interface Envelope {
  readonly from: NodeId;
  readonly to: NodeId;
  /** The sender's term; for a pre-vote request and its granting answer, the term of the intended campaign. */
  readonly term: Term;
}

/** Log replication; `entries` may be empty (a probe, or news of the commit index). */
export interface Append extends Envelope {
  readonly type: "append";
  readonly previousIndex: LogIndex;
  readonly previousTerm: Term;
  readonly entries: readonly Entry[];
  readonly commit: LogIndex;
}

/** Released only when what it confirms is durable. `index` is the match on success, the refused previousIndex otherwise. */
export interface AppendResponse extends Envelope {
  readonly type: "appendResponse";
  readonly index: LogIndex;
  readonly rejected: boolean;
  /** On rejection: the follower's best guess of the last common entry (Raft thesis 4.2.. back-off by term). */
  readonly hintIndex: LogIndex;
  readonly hintTerm: Term;
}

/** Keeps the leader leader; `commit` never exceeds what the follower is known to hold. `readContext` 0 = none. */
export interface Heartbeat extends Envelope {
  readonly type: "heartbeat";
  readonly commit: LogIndex;
  readonly readContext: number;
}

export interface HeartbeatResponse extends Envelope {
  readonly type: "heartbeatResponse";
  readonly readContext: number;
}

export interface VoteRequest extends Envelope {
  readonly type: "vote" | "preVote";
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
  /** Set on a campaign ordered by the leader itself (leader transfer): stickiness does not apply. */
  readonly isTransfer: boolean;
}

/**
 * The answer also tells what the voter knows to be committed. Of two voters one may have been removed and know it, while the
 * other still needs a vote that it cannot get; this fact lets it apply the removal. True in any term.
 */
export interface VoteResponse extends Envelope {
  readonly type: "voteResponse" | "preVoteResponse";
  readonly rejected: boolean;
  readonly commit: LogIndex;
  /** The term of the entry at `commit`. */
  readonly commitTerm: Term;
}

/** On the leader's side: "start sending state to `to`". On the follower's: a whole snapshot has arrived and is staged. */
export interface SnapshotMessage extends Envelope {
  readonly type: "snapshot";
  readonly snapshot: SnapshotPoint;
}

/** Leader to its chosen successor: campaign at once. */
export interface TimeoutNow extends Envelope {
  readonly type: "timeoutNow";
}

/** A follower asks its leader for an index that a linearizable read must wait for (thesis 6.4). */
export interface ReadIndexRequest extends Envelope {
  readonly type: "readIndex";
  readonly requestId: number;
}

export interface ReadIndexResponse extends Envelope {
  readonly type: "readIndexResponse";
  readonly requestId: number;
  readonly index: LogIndex;
  /** The leader cannot answer (no longer leader, or its term has no committed entry yet): ask again with a new id. */
  readonly rejected: boolean;
}

export type Message =
  | Append
  | AppendResponse
  | Heartbeat
  | HeartbeatResponse
  | VoteRequest
  | VoteResponse
  | SnapshotMessage
  | TimeoutNow
  | ReadIndexRequest
  | ReadIndexResponse;
