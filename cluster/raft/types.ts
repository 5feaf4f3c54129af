import type { NodeId } from "../node-id.ts";

/** Raft's terms and indexes stay far below 2^53; the core asserts it. Index 0 / term 0 = before the first entry. */
export type Term = number;
export type LogIndex = number;

/** One Raft group per cluster in this release; the number stands in every frame, key and API all the same. */
export type GroupId = number;
export const defaultGroup: GroupId = 0;

export const EntryType = {
  /** Opaque bytes of the layer above. */
  command: 0,
  /** The empty entry with which a leader opens its term. */
  noop: 1,
  /** An encoded {@link ConfigChange}. */
  configChange: 2,
} as const;
export type EntryType = (typeof EntryType)[keyof typeof EntryType];

export interface Entry {
  readonly term: Term;
  readonly index: LogIndex;
  readonly type: EntryType;
  readonly data: Uint8Array;
}

/** What must be durable before anything that depends on it is said (Raft, figure 2: persistent state). */
export interface HardState {
  readonly term: Term;
  readonly vote: NodeId | null;
  /** Not needed for safety; lets a restarted node apply without waiting for a leader. */
  readonly commit: LogIndex;
}

/**
 * Who votes. In a joint state (`votersOutgoing` not empty) a decision needs a majority of both voter sets.
 * All arrays are sorted. `learnersNext` are outgoing voters that become learners when the joint state is left.
 */
export interface Configuration {
  readonly voters: readonly NodeId[];
  readonly votersOutgoing: readonly NodeId[];
  readonly learners: readonly NodeId[];
  readonly learnersNext: readonly NodeId[];
}

export type MembershipStep =
  | { readonly type: "addVoter"; readonly nodeId: NodeId }
  | { readonly type: "addLearner"; readonly nodeId: NodeId }
  | { readonly type: "remove"; readonly nodeId: NodeId };

/**
 * A configuration change as it stands in the log. It takes effect when it is applied (etcd's rule), and none
 * may be proposed while another is unapplied. More than one change of a voter goes through a joint state, which the
 * leader of the moment, also a later one, leaves by itself with `leaveJoint`.
 */
export type ConfigChange =
  | {
      readonly type: "change";
      readonly steps: readonly MembershipStep[];
      /** Opaque to Raft: what the layer above records about the nodes concerned (name, addresses). */
      readonly context: Uint8Array;
    }
  | { readonly type: "leaveJoint" };

/** The point up to which the log is replaced by state: the entry at `index` had `term`. */
export interface SnapshotPoint {
  readonly index: LogIndex;
  readonly term: Term;
  readonly configuration: Configuration;
}

export type Role = "follower" | "preCandidate" | "candidate" | "leader";
