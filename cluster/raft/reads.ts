import type { ReadIndexRequest, ReadIndexResponse } from "./messages.ts";
import { hasCommittedInTerm } from "./replication.ts";
import type { RaftState } from "./state.ts";

/** A read of this node's own: the leader waits for a round, a follower asks its leader, anyone else cannot know. */
export function requestReadIndex(state: RaftState, requestId: number): void {
  const { nodeId, leader, term } = state;
  if (state.role === "leader") {
    if (!state.reads.add({ from: nodeId, requestId })) {
      state.readsDropped.push(requestId);
    }
  } else if (leader === null) {
    state.readsDropped.push(requestId);
  } else {
    const { wireId, droppedId } = state.forwardedReads.add(requestId);
    if (droppedId !== null) {
      state.readsDropped.push(droppedId);
    }
    state.outbox.push({ type: "readIndex", from: nodeId, to: leader, term, requestId: wireId });
  }
}

/**
 * Whether what this node has applied is all that anybody acknowledged by now, with nobody to ask: it leads, nobody else votes, so that
 * nobody leads or commits beside it, and it has applied all it knows to be committed, an entry of its own term included (etcd answers
 * the reads of a single voter like that). A change that lets others vote takes effect when it is applied here.
 */
export function isInStepAlone(state: RaftState): boolean {
  const { role, log, nodeId } = state;
  if (role !== "leader" || log.appliedIndex !== log.commitIndex) return false;
  const { voters, votersOutgoing } = state.configuration;
  const isAlone = votersOutgoing.length === 0 && voters.length === 1 && voters[0] === nodeId;
  return isAlone && hasCommittedInTerm(state);
}

export function handleReadIndexRequest(state: RaftState, message: ReadIndexRequest): void {
  const { from, requestId } = message;
  if (state.role === "leader" && state.reads.add({ from, requestId })) {
    return;
  }
  const { nodeId, term } = state;
  const answer = { type: "readIndexResponse", from: nodeId, to: from, term } as const;
  state.outbox.push({ ...answer, requestId, index: 0, rejected: true });
}

/** Only an answer to what was asked in this term counts; the rest was dropped when the term or the leader changed. */
export function handleReadIndexResponse(state: RaftState, message: ReadIndexResponse): void {
  const { index, rejected } = message;
  const requestId =
    message.from === state.leader ? state.forwardedReads.take(message.requestId) : null;
  if (requestId === null) {
    return;
  }
  if (rejected) {
    state.readsDropped.push(requestId);
  } else {
    state.readStates.push({ requestId, index });
  }
}
