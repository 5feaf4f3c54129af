import type { Configuration, SnapshotPoint } from "../../../cluster/raft/types.ts";
import { nodeIdOf } from "./nodes.ts";

/** The term of the leader that offers the snapshots. */
export const leaderTerm = 4;

const sound: Configuration = {
  voters: [1, 2, 4].map(nodeIdOf),
  votersOutgoing: [1, 2, 3].map(nodeIdOf),
  learners: [nodeIdOf(5)],
  learnersNext: [nodeIdOf(3)],
};

/** A sound snapshot in a joint configuration, with these lists changed. */
export function pointOf(changed: Partial<Configuration>, term = 3): SnapshotPoint {
  return { index: 9, term, configuration: { ...sound, ...changed } };
}

/** Snapshots as nobody may offer them, each behind a part of what is said against it. */
export const unsoundSnapshots: readonly (readonly [string, SnapshotPoint])[] = [
  ["sorted sets", pointOf({ voters: [2, 1].map(nodeIdOf) })],
  ["sorted sets", pointOf({ votersOutgoing: [3, 3].map(nodeIdOf) })],
  ["sorted sets", pointOf({ learners: [7, 6].map(nodeIdOf) })],
  ["a learner has no vote", pointOf({ learners: [nodeIdOf(4)] })],
  ["a learner has no vote", pointOf({ learners: [nodeIdOf(3)] })],
  ["only an outgoing voter", pointOf({ learnersNext: [nodeIdOf(1)] })],
  ["only an outgoing voter", pointOf({ learnersNext: [nodeIdOf(6)] })],
  ["somebody votes", pointOf({ voters: [], votersOutgoing: [], learnersNext: [] })],
  ["later term", pointOf({}, leaderTerm + 1)],
];
