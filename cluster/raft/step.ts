import type { NodeId } from "../node-id.ts";
import { handleVoteResponse, learnCommit } from "./election.ts";
import {
  followLeader,
  handleAppend,
  handleHeartbeat,
  handleSnapshot,
  handleTimeoutNow,
} from "./follower.ts";
import { handleAppendResponse, handleHeartbeatResponse } from "./leader.ts";
import type { Message, VoteRequest, VoteResponse } from "./messages.ts";
import { handleReadIndexRequest, handleReadIndexResponse } from "./reads.ts";
import { becomeFollower } from "./role.ts";
import type { RaftState } from "./state.ts";

/** One message from another node. Terms first (Raft section 5.1), then what the message says. */
export function stepMessage(state: RaftState, message: Message): void {
  if (message.to !== state.nodeId || message.from === state.nodeId) {
    return;
  }
  if (message.type === "voteResponse" || message.type === "preVoteResponse") {
    learnCommit(state, message);
  }
  if (message.term > state.term) {
    if (isVoteRequest(message) && !message.isTransfer && isLoyal(state, message.from)) {
      // Stickiness: who still hears a leader does not help to depose it. No answer, so that the term stays.
      return;
    }
    if (!isAboutLaterCampaign(message)) {
      becomeFollower(state, message.term, isFromLeader(message) ? message.from : null);
    }
  } else if (message.term < state.term) {
    answerOldTerm(state, message);
    return;
  }
  dispatch(state, message);
}

function dispatch(state: RaftState, message: Message): void {
  switch (message.type) {
    case "vote":
    case "preVote":
      return handleVoteRequest(state, message);
    case "voteResponse":
    case "preVoteResponse":
      return handleVoteResponse(state, message);
    case "append":
      followLeader(state, message.from);
      return handleAppend(state, message);
    case "heartbeat":
      followLeader(state, message.from);
      return handleHeartbeat(state, message);
    case "snapshot":
      followLeader(state, message.from);
      return handleSnapshot(state, message);
    case "appendResponse":
      return state.role === "leader" ? handleAppendResponse(state, message) : undefined;
    case "heartbeatResponse":
      return state.role === "leader" ? handleHeartbeatResponse(state, message) : undefined;
    case "timeoutNow":
      return handleTimeoutNow(state);
    case "readIndex":
      return handleReadIndexRequest(state, message);
    case "readIndexResponse":
      return handleReadIndexResponse(state, message);
  }
}

function isVoteRequest(message: Message): message is VoteRequest {
  return message.type === "vote" || message.type === "preVote";
}

function isFromLeader(message: Message): boolean {
  return message.type === "append" || message.type === "heartbeat" || message.type === "snapshot";
}

/** Pre-vote asks, and is granted, in the term of a campaign that may never come. */
function isAboutLaterCampaign(message: Message): boolean {
  return message.type === "preVote" || (message.type === "preVoteResponse" && !message.rejected);
}

/** A leader that asks for votes itself leads no more. */
function isLoyal({ leader, electionElapsed, options }: RaftState, candidate: NodeId): boolean {
  return leader !== null && leader !== candidate && electionElapsed < options.electionTicks;
}

/**
 * Whoever is behind must learn the higher term, or it stays stuck: a leader that was cut off, and a pre-candidate whose log
 * is the better one. Late answers are dropped.
 */
function answerOldTerm(state: RaftState, message: Message): void {
  const head = { from: state.nodeId, to: message.from, term: state.term };
  switch (message.type) {
    case "heartbeat":
      state.outbox.push({ type: "heartbeatResponse", ...head, readContext: 0 });
      break;
    case "append":
    case "snapshot": {
      const index = message.type === "append" ? message.previousIndex : message.snapshot.index;
      const refusal = { index, rejected: true, hintIndex: 0, hintTerm: 0 };
      state.outbox.push({ type: "appendResponse", ...head, ...refusal });
      break;
    }
    case "vote":
    case "preVote":
      state.outbox.push(voteResponse(state, message, true));
      break;
    case "readIndex": {
      const { requestId } = message;
      state.outbox.push({
        type: "readIndexResponse",
        ...head,
        requestId,
        index: 0,
        rejected: true,
      });
      break;
    }
    default:
      break;
  }
}

/** Everyone asked answers, member or not: a node may be a voter by a change that it has not applied yet. */
function handleVoteRequest(state: RaftState, message: VoteRequest): void {
  const { log } = state;
  const { from, type, term, lastIndex, lastTerm } = message;
  const isFree =
    state.vote === from ||
    (state.vote === null && state.leader === null) ||
    (type === "preVote" && term > state.term);
  if (!isFree || !log.isUpToDate(lastIndex, lastTerm) || isOutranked(state, message)) {
    state.outbox.push(voteResponse(state, message, true));
    return;
  }
  const grant = voteResponse(state, message, false);
  if (type === "preVote") {
    state.outbox.push(grant);
    return;
  }
  state.vote = from;
  state.electionElapsed = 0;
  state.answers.push(grant);
}

/**
 * After a crash of the leader all links break at once and several nodes ask in the same moment. Of two equal pre-candidates
 * only the one with the higher id helps itself to the other's vote; both going on would split the real one.
 */
function isOutranked({ role, log, nodeId }: RaftState, message: VoteRequest): boolean {
  return (
    message.type === "preVote" &&
    role === "preCandidate" &&
    message.lastIndex === log.lastIndex &&
    message.lastTerm === log.lastTerm &&
    message.from < nodeId
  );
}

function voteResponse(state: RaftState, request: VoteRequest, rejected: boolean): VoteResponse {
  const { nodeId, log } = state;
  return {
    type: request.type === "vote" ? "voteResponse" : "preVoteResponse",
    from: nodeId,
    to: request.from,
    term: rejected ? state.term : request.term,
    rejected,
    commit: log.commitIndex,
    commitTerm: log.termAt(log.commitIndex)!,
  };
}
