import type { NodeId } from "../node-id.ts";
import type { Configuration, LogIndex } from "./types.ts";

export type VoteResult = "won" | "lost" | "pending";

type Voters = readonly NodeId[];

/** The highest index that a majority has reached. No voters agree to everything, so that a joint decision falls to the others. */
function majorityIndex(voters: Voters, matchOf: (nodeId: NodeId) => LogIndex): LogIndex {
  if (voters.length === 0) {
    return Number.POSITIVE_INFINITY;
  }
  const matches = voters.map(matchOf).sort((a, b) => b - a);
  return matches[Math.floor(voters.length / 2)]!;
}

function isMajority(voters: Voters, isAgreeing: (nodeId: NodeId) => boolean): boolean {
  return voters.length === 0 || 2 * voters.filter(isAgreeing).length > voters.length;
}

function majorityVote(voters: Voters, votes: ReadonlyMap<NodeId, boolean>): VoteResult {
  const needed = voters.length === 0 ? 0 : Math.floor(voters.length / 2) + 1;
  const granted = voters.filter((voter) => votes.get(voter) === true).length;
  const open = voters.filter((voter) => !votes.has(voter)).length;
  if (granted >= needed) {
    return "won";
  }
  return granted + open < needed ? "lost" : "pending";
}

/** The index that the configuration, joint or not, has agreed on. */
export function quorumIndex(
  configuration: Configuration,
  matchOf: (nodeId: NodeId) => LogIndex,
): LogIndex {
  return Math.min(
    majorityIndex(configuration.voters, matchOf),
    majorityIndex(configuration.votersOutgoing, matchOf),
  );
}

/** What the votes so far decide; in a joint configuration both sides must agree. */
export function voteResult(
  configuration: Configuration,
  votes: ReadonlyMap<NodeId, boolean>,
): VoteResult {
  const incoming = majorityVote(configuration.voters, votes);
  const outgoing = majorityVote(configuration.votersOutgoing, votes);
  if (incoming === outgoing) {
    return incoming;
  }
  return incoming === "lost" || outgoing === "lost" ? "lost" : "pending";
}

/** Whether the nodes for which `isAgreeing` holds are a quorum. */
export function isQuorum(
  configuration: Configuration,
  isAgreeing: (nodeId: NodeId) => boolean,
): boolean {
  return (
    isMajority(configuration.voters, isAgreeing) &&
    isMajority(configuration.votersOutgoing, isAgreeing)
  );
}
