import type { NodeId } from "../node-id.ts";
import type { ProposeResult } from "./api.ts";
import { sizeOf } from "./log.ts";
import { leaveJointIfDue } from "./membership.ts";
import type { AppendResponse, HeartbeatResponse } from "./messages.ts";
import type { Progress } from "./progress.ts";
import {
  advanceCommit,
  answerReads,
  checkQuorum,
  sendAppend,
  sendHeartbeats,
} from "./replication.ts";
import { appendOwn, becomeFollower, isHandingOver } from "./role.ts";
import type { RaftState } from "./state.ts";
import { EntryType } from "./types.ts";

export function tickLeader(state: RaftState): void {
  state.heartbeatElapsed += 1;
  state.electionElapsed += 1;
  state.transferElapsed += 1;
  // A transfer gets one election timeout, then the leader goes on.
  if (state.transferElapsed >= state.options.electionTicks) {
    state.transferTarget = null;
  }
  if (state.electionElapsed >= state.options.electionTicks) {
    state.electionElapsed = 0;
    if (!checkQuorum(state)) {
      becomeFollower(state, state.term, null);
      return;
    }
  }
  if (state.heartbeatElapsed >= state.options.heartbeatTicks) {
    state.heartbeatElapsed = 0;
    sendHeartbeats(state);
    // A follower that was too silent for a snapshot may have woken up.
    state.isReplicationDue = true;
  }
}

export function proposeCommands(state: RaftState, data: readonly Uint8Array[]): ProposeResult {
  if (state.role !== "leader") {
    return { status: "rejected", reason: "not-leader" };
  }
  if (isHandingOver(state)) {
    return { status: "rejected", reason: "transferring" };
  }
  const { log, term, options } = state;
  const proposals = data.map((bytes) => ({ type: EntryType.command, data: bytes }));
  const index = log.lastIndex + 1;
  const sizeBytes = proposals.reduce((sum, { data }) => sum + sizeOf({ data }), 0);
  const isIdle = state.uncommittedBytes === 0;
  // A proposal larger than the bound passes alone: it must be possible at some time.
  if (!isIdle && state.uncommittedBytes + sizeBytes > options.uncommittedBytesMax) {
    return { status: "rejected", reason: "overloaded" };
  }
  appendOwn(state, proposals);
  return { status: "accepted", index, term };
}

export function handleAppendResponse(state: RaftState, message: AppendResponse): void {
  const progress = state.progress.get(message.from);
  if (progress === undefined) {
    return;
  }
  progress.answered();
  if (message.rejected) {
    handleRefusal(state, progress, message);
    return;
  }
  if (message.index > state.log.lastIndex) {
    // Nobody can hold what was never sent; believing it would make a false quorum.
    return;
  }
  const isNews = progress.advance(message.index);
  if (progress.state === "replicate") {
    progress.inflights.releaseTo(message.index);
    progress.release();
  } else if (progress.match >= state.log.baseIndex && progress.match === message.index) {
    // Also a node that was caught up all the time, and one whose snapshot has arrived.
    progress.becomeReplicate();
  }
  if (isNews) {
    advanceCommit(state);
  }
  state.isReplicationDue = true;
  finishTransfer(state, message.from);
}

function handleRefusal(state: RaftState, progress: Progress, message: AppendResponse): void {
  const { hintIndex, hintTerm } = message;
  const guess = hintTerm > 0 ? state.log.lastWithTermAtMost(hintIndex, hintTerm).index : hintIndex;
  if (progress.refused(message.index, guess)) {
    state.isReplicationDue = true;
  }
}

export function handleHeartbeatResponse(state: RaftState, message: HeartbeatResponse): void {
  const progress = state.progress.get(message.from);
  if (progress === undefined) {
    return;
  }
  progress.answered();
  progress.release();
  // If appends were lost and nothing follows them, only this finds out.
  if (progress.match < state.log.lastIndex || progress.state === "probe") {
    sendAppend(state, message.from, progress, true);
    state.isReplicationDue = true;
  }
  if (message.readContext > 0) {
    state.reads.acknowledge(message.from, message.readContext);
    answerReads(state);
  }
}

/** The leader's own entries are durable: now it counts itself. */
export function ownWriteIsDurable(state: RaftState): void {
  if (state.progress.get(state.nodeId)?.advance(state.log.stableIndex) === true) {
    advanceCommit(state);
  }
}

export function appliedByLeader(state: RaftState): void {
  leaveJointIfDue(state);
}

export function startTransfer(state: RaftState, to: NodeId): boolean {
  const isEligible = state.configuration.voters.includes(to) && to !== state.nodeId;
  if (state.role !== "leader" || !isEligible) {
    return false;
  }
  if (state.transferTarget === to) {
    return true;
  }
  state.transferTarget = to;
  // Check-quorum keeps its own time: transfers asked for again and again must not keep a leader that nobody answers.
  state.transferElapsed = 0;
  state.isReplicationDue = true;
  finishTransfer(state, to);
  return true;
}

/** The successor must hold everything, or its campaign would fail or lose what is on its way. */
function finishTransfer(state: RaftState, from: NodeId): void {
  const { transferTarget, nodeId, term, log } = state;
  if (from === transferTarget && state.progress.get(from)?.match === log.lastIndex) {
    state.outbox.push({ type: "timeoutNow", from: nodeId, to: from, term });
  }
}
