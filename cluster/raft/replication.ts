import type { NodeId } from "../node-id.ts";
import { isVoter, membersOf } from "./configuration.ts";
import { sizeOf } from "./log.ts";
import type { Progress } from "./progress.ts";
import { isQuorum, quorumIndex } from "./quorum.ts";
import type { RaftState } from "./state.ts";
import type { LogIndex } from "./types.ts";

/** What a leader sends its followers, and when an entry counts as committed. */

/** Entries and commit news to everyone that may get some, as far as each window allows. */
export function replicate(state: RaftState): void {
  state.isReplicationDue = false;
  for (const [nodeId, progress] of state.progress) {
    if (nodeId === state.nodeId) continue;
    while (sendAppend(state, nodeId, progress, progress.sentCommit < state.log.commitIndex)) {}
  }
}

/** False when nothing left. An empty append tells the commit index, or asks again where the follower's log ends. */
export function sendAppend(
  state: RaftState,
  to: NodeId,
  progress: Progress,
  isEmptyWanted: boolean,
): boolean {
  if (progress.isPaused) {
    return false;
  }
  const { log, nodeId, term, options } = state;
  const previousIndex = progress.next - 1;
  const previousTerm = log.termAt(previousIndex);
  if (previousTerm === undefined || isBaseUnknown(state, previousIndex)) {
    return sendSnapshot(state, to, progress);
  }
  const isFull = progress.state === "replicate" && progress.inflights.isFull;
  const entries = isFull ? [] : log.entriesFrom(progress.next, options.appendSizeBytesMax);
  if (entries.length === 0 && !isEmptyWanted) {
    return false;
  }
  const commit = log.commitIndex;
  state.outbox.push({
    type: "append",
    from: nodeId,
    to,
    term,
    previousIndex,
    previousTerm,
    entries,
    commit,
  });
  const sizeBytes = entries.reduce((sum, entry) => sum + sizeOf(entry), 0);
  progress.sent(previousIndex + entries.length, sizeBytes, commit);
  return true;
}

/** The configuration that a cluster was founded with stands in no entry: a node with an empty log gets it by snapshot. */
function isBaseUnknown(state: RaftState, previousIndex: number): boolean {
  return previousIndex === 0 && membersOf(state.configurations.base).length > 0;
}

function sendSnapshot(state: RaftState, to: NodeId, progress: Progress): boolean {
  const { log, nodeId, term, configuration } = state;
  if (!progress.isRecentlyActive || log.appliedIndex === 0) {
    return false;
  }
  const index = log.appliedIndex;
  const snapshot = { index, term: log.termAt(index)!, configuration };
  progress.becomeSnapshot(index);
  state.outbox.push({ type: "snapshot", from: nodeId, to, term, snapshot });
  return true;
}

export function sendHeartbeats(state: RaftState): void {
  for (const [to, progress] of state.progress) {
    if (to === state.nodeId) continue;
    sendHeartbeat(state, to, progress, state.reads.openContext);
  }
}

function sendHeartbeat(state: RaftState, to: NodeId, progress: Progress, context: number): void {
  const { nodeId, term, log } = state;
  // What the follower may not hold must not count as committed there.
  const commit = Math.min(progress.match, log.commitIndex);
  state.outbox.push({ type: "heartbeat", from: nodeId, to, term, commit, readContext: context });
}

export function hasCommittedInTerm(state: RaftState): boolean {
  return state.log.termAt(state.log.commitIndex) === state.term;
}

/** Only an entry of the leader's own term is committed by counting (Raft section 5.4.2). */
export function advanceCommit(state: RaftState): void {
  const { log, configuration, term } = state;
  const index = quorumIndex(configuration, (nodeId) => state.progress.get(nodeId)?.match ?? 0);
  if (index <= log.commitIndex || log.termAt(index) !== term) {
    return;
  }
  commitTo(state, index);
}

/** A leader may count to a commit or hear of it: either way the entries count for its bound on proposals no longer. */
export function commitTo(state: RaftState, index: LogIndex): boolean {
  const { log } = state;
  if (state.role === "leader" && index > log.commitIndex) {
    for (const entry of log.entriesFrom(log.commitIndex + 1, Number.POSITIVE_INFINITY, index)) {
      state.uncommittedBytes -= sizeOf(entry);
    }
    // Followers apply at once and not with the next heartbeat.
    state.isReplicationDue = true;
  }
  return log.commitTo(index);
}

/** Only a leader with a committed entry of its own term knows that its commit index is as new as any (thesis 6.4). */
export function canStartReads(state: RaftState): boolean {
  return state.reads.canStartRound && hasCommittedInTerm(state);
}

/** One round for all reads that wait. */
export function startReads(state: RaftState): void {
  if (!canStartReads(state)) {
    return;
  }
  const context = state.reads.startRound(state.log.commitIndex);
  for (const [to, progress] of state.progress) {
    if (to === state.nodeId) continue;
    if (isVoter(state.configuration, to)) {
      sendHeartbeat(state, to, progress, context);
    }
  }
  answerReads(state);
}

export function answerReads(state: RaftState): void {
  const { nodeId, term } = state;
  for (const { index, requests } of state.reads.takeConfirmed(state.configuration, nodeId)) {
    for (const { from, requestId } of requests) {
      if (from === nodeId) {
        state.readStates.push({ requestId, index });
      } else {
        const answer = { type: "readIndexResponse", from: nodeId, to: from, term } as const;
        state.outbox.push({ ...answer, requestId, index, rejected: false });
      }
    }
  }
}

/** Whether enough voters answered since the last time; starts the next interval. */
export function checkQuorum(state: RaftState): boolean {
  const isAlive = isQuorum(
    state.configuration,
    (nodeId) => nodeId === state.nodeId || state.progress.get(nodeId)?.isActive === true,
  );
  for (const progress of state.progress.values()) {
    progress.startActivityInterval();
  }
  return isAlive;
}
