import type { Configuration, LogIndex, SnapshotPoint, Term } from "../raft/types.ts";

/** Records that stand beside log and state; each is replaced as a whole. */
export interface AppliedRecord {
  readonly index: LogIndex;
  readonly term: Term;
  readonly configuration: Configuration;
}

/** `chain` (hex) is the one at `index`, against which the first entry behind it is checked. */
export interface SnapshotRecord extends SnapshotPoint {
  readonly chain: string;
}

/** Batch `sequence` dropped the log behind `index`; earlier floors vouch for no more than that. */
export interface TruncationRecord {
  readonly sequence: number;
  readonly index: LogIndex;
}

export const emptyConfiguration: Configuration = {
  voters: [],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
};
