import { invariant } from "./invariant.ts";
import type { VoteRequest, VoteResponse } from "./messages.ts";
import { voteResult } from "./quorum.ts";
import { commitTo } from "./replication.ts";
import { becomeCandidate, becomeFollower, becomeLeader, becomePreCandidate } from "./role.ts";
import type { RaftState } from "./state.ts";
import { EntryType } from "./types.ts";

/**
 * A node with a committed change it has not applied would count votes in a configuration that may be long gone; one that
 * installs a snapshot has no state yet.
 */
export function canCampaign(state: RaftState): boolean {
  return (
    state.role !== "leader" &&
    state.isVoter &&
    !state.log.isInstalling &&
    !hasCommittedChangeToApply(state)
  );
}

function hasCommittedChangeToApply({ log }: RaftState): boolean {
  return log
    .entriesFrom(log.appliedIndex + 1, Number.POSITIVE_INFINITY, log.commitIndex)
    .some((entry) => entry.type === EntryType.configChange);
}

/** What is committed at the voter is committed here too, if it is the same entry. */
export function learnCommit(state: RaftState, { commit, commitTerm }: VoteResponse): void {
  if (!state.log.holds(commit, commitTerm) || !commitTo(state, commit)) {
    return;
  }
  const isCampaigning = state.role === "preCandidate" || state.role === "candidate";
  if (isCampaigning && hasCommittedChangeToApply(state)) {
    becomeFollower(state, state.term, null);
  }
}

export function startPreVote(state: RaftState): void {
  becomePreCandidate(state);
  requestVotes(state, "preVote", false);
  countVotes(state);
}

/** `isTransfer`: the leader asked for it, so it may be deposed although it is alive. */
export function startElection(state: RaftState, isTransfer: boolean): void {
  becomeCandidate(state);
  requestVotes(state, "vote", isTransfer);
}

function requestVotes(state: RaftState, type: VoteRequest["type"], isTransfer: boolean): void {
  const { nodeId, term, log, configuration } = state;
  const peers = new Set([...configuration.voters, ...configuration.votersOutgoing]);
  peers.delete(nodeId);
  for (const to of [...peers].sort()) {
    const request: VoteRequest = {
      type,
      from: nodeId,
      to,
      term: type === "preVote" ? term + 1 : term,
      lastIndex: log.lastIndex,
      lastTerm: log.lastTerm,
      isTransfer,
    };
    // A real request waits for the disk: after a crash in between, this node could ask again in the same term with
    // a shorter log, and win by votes that were given to the longer one.
    (type === "vote" ? state.answers : state.outbox).push(request);
  }
}

/** The hard state with the vote for itself is durable. */
export function ownVoteIsDurable(state: RaftState): void {
  invariant(state.role === "candidate", "only a candidate votes for itself");
  state.votes.set(state.nodeId, true);
  countVotes(state);
}

/** An answer that is neither of this campaign nor of this role is late; a second campaign must not start from it. */
export function handleVoteResponse(state: RaftState, message: VoteResponse): void {
  const { role, term } = state;
  const isOfCampaign =
    message.type === "voteResponse"
      ? role === "candidate" && message.term === term
      : role === "preCandidate" && (message.rejected || message.term === term + 1);
  if (!isOfCampaign || state.votes.has(message.from)) {
    return;
  }
  state.votes.set(message.from, !message.rejected);
  countVotes(state);
}

function countVotes(state: RaftState): void {
  const result = voteResult(state.configuration, state.votes);
  if (result === "lost") {
    becomeFollower(state, state.term, null);
  } else if (result === "won" && state.role === "preCandidate") {
    startElection(state, false);
  } else if (result === "won") {
    becomeLeader(state);
  }
}
