import type { NodeId } from "../node-id.ts";
import { membersOf } from "./configuration.ts";
import { Inflights } from "./inflights.ts";
import { invariant } from "./invariant.ts";
import { sizeOf } from "./log.ts";
import { Progress } from "./progress.ts";
import { LeaderReads } from "./read-index.ts";
import { drawElectionTimeout, dropForwardedReads, type RaftState } from "./state.ts";
import { type Entry, EntryType, type Term } from "./types.ts";

/** The transitions between roles; who decides on one stands in the files named after the roles. */

export function becomeFollower(state: RaftState, term: Term, leader: NodeId | null): void {
  reset(state, term, leader);
  state.role = "follower";
}

/** Asks first and disturbs nobody: neither term nor vote change (Raft thesis 9.6). */
export function becomePreCandidate(state: RaftState): void {
  invariant(state.role !== "leader", "a leader does not campaign");
  reset(state, state.term, null);
  state.role = "preCandidate";
  state.votes.set(state.nodeId, true);
}

/** The vote for itself counts when it is durable, like everybody's. */
export function becomeCandidate(state: RaftState): void {
  invariant(state.role !== "leader", "a leader does not campaign");
  reset(state, state.term + 1, null);
  state.role = "candidate";
  state.vote = state.nodeId;
}

export function becomeLeader(state: RaftState): void {
  invariant(state.role === "candidate", "only a candidate wins an election");
  reset(state, state.term, state.nodeId);
  state.role = "leader";
  const { log } = state;
  buildProgress(state);
  // Some entry up to here may be a change, so the first own proposal of one waits until all are applied.
  state.pendingConfigIndex = log.lastIndex;
  state.uncommittedBytes = log
    .entriesFrom(log.commitIndex + 1, Number.POSITIVE_INFINITY)
    .reduce((sum, entry) => sum + sizeOf(entry), 0);
  appendOwn(state, [{ type: EntryType.noop, data: new Uint8Array(0) }]);
}

/** Appends to a leader's log; followers get it with the next `ready`. */
export function appendOwn(
  state: RaftState,
  proposals: readonly Pick<Entry, "type" | "data">[],
): void {
  const { log, term } = state;
  const entries = proposals.map(({ type, data }, offset) => ({
    term,
    index: log.lastIndex + 1 + offset,
    type,
    data,
  }));
  log.append(entries);
  state.uncommittedBytes += entries.reduce((sum, entry) => sum + sizeOf(entry), 0);
  state.isReplicationDue = true;
}

/** The next leader must not find that more was promised meanwhile. */
export function isHandingOver(state: RaftState): boolean {
  return state.transferTarget !== null || state.leavingIndex !== null;
}

/** Follows the configuration: keeps what is known of those who stay, starts anew with those who come. */
export function buildProgress(state: RaftState): void {
  const { options, configuration, log } = state;
  const known = new Map(state.progress);
  state.progress.clear();
  for (const nodeId of membersOf(configuration)) {
    const isLearner = configuration.learners.includes(nodeId);
    let progress = known.get(nodeId);
    if (progress === undefined) {
      const inflights = new Inflights(options.inflightAppendsMax, options.inflightBytesMax);
      progress = new Progress(log.lastIndex + 1, isLearner, inflights);
      // It had no chance to answer yet, so check-quorum must not count it as silent.
      progress.presumeActive();
    }
    progress.isLearner = isLearner;
    state.progress.set(nodeId, progress);
  }
  state.progress.get(state.nodeId)?.advance(log.stableIndex);
}

function reset(state: RaftState, term: Term, leader: NodeId | null): void {
  invariant(term >= state.term, "terms never go back", { term });
  if (term !== state.term || leader !== state.leader) {
    dropForwardedReads(state);
  }
  if (term !== state.term) {
    state.term = term;
    state.vote = null;
  }
  rejectLeaderReads(state);
  state.leader = leader;
  state.votes.clear();
  state.progress.clear();
  state.transferTarget = null;
  state.leavingIndex = null;
  state.uncommittedBytes = 0;
  state.isReplicationDue = false;
  state.heartbeatElapsed = 0;
  state.electionElapsed = 0;
  drawElectionTimeout(state);
}

function rejectLeaderReads(state: RaftState): void {
  const open = state.reads.takeAll();
  state.reads = new LeaderReads();
  for (const { from, requestId } of open) {
    if (from === state.nodeId) {
      state.readsDropped.push(requestId);
    } else {
      const { nodeId, term } = state;
      const answer = { type: "readIndexResponse", from: nodeId, to: from, term } as const;
      state.outbox.push({ ...answer, requestId, index: 0, rejected: true });
    }
  }
}
