import type { NodeId } from "#cluster";

/** A node with members of a shared subscription. */
export interface ShareCandidate {
  readonly nodeId: NodeId;
  /** Number of members there, > 0. */
  weight: number;
  /** Belongs to the strategy; 0 at first. */
  credit: number;
}

/**
 * Chooses the node whose members get the next message of a shared subscription. `candidates` are those that can take it, at least
 * two; the same array is used for the next call.
 */
export type ChooseNode = (
  candidates: readonly ShareCandidate[],
  topic: string,
  publisherId: string,
) => ShareCandidate;

/**
 * Round robin over all members of the cluster: every node gets as many of each round as it has members, spread evenly over the
 * round. Each candidate earns its weight, the richest is chosen and pays the weight of all.
 */
export const chooseRoundRobin: ChooseNode = (candidates) => {
  let chosen = candidates[0]!;
  let total = 0;
  for (const candidate of candidates) {
    candidate.credit += candidate.weight;
    total += candidate.weight;
    if (candidate.credit > chosen.credit) {
      chosen = candidate;
    }
  }
  chosen.credit -= total;
  return chosen;
};
