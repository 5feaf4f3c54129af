import type { NodeId } from "#cluster";
import { hashOfText, mixedHashes } from "./topic-hash.ts";

/**
 * Which member of a shared subscription gets a message (MQTT 5, 4.8.2 leaves that to the server).
 * `round-robin`: all members alike. `sticky`: the same one as long as it can take messages. `hash-topic`: the same one for all
 * messages of a topic, while the members stay the same. `local-first`: all members at the publisher's node alike; those of other
 * nodes only while there is none.
 */
export type ShareStrategy = "round-robin" | "sticky" | "hash-topic" | "local-first";

/** A node with members of a shared subscription. */
export interface ShareCandidate {
  readonly nodeId: NodeId;
  /** Number of members there, > 0. */
  weight: number;
  /** Belongs to the round robin; 0 at first. */
  credit: number;
}

/**
 * Round robin over all members of the cluster: every node gets as many of each round as it has members, spread evenly over the
 * round. Each candidate earns its weight, the richest is chosen and pays the weight of all. At least one candidate.
 */
export function chooseRoundRobin(candidates: readonly ShareCandidate[]): ShareCandidate {
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
}

/**
 * The same candidate for the same text on every node that knows the same candidates, each for a part of all texts as large as its
 * weight: weighted rendezvous hashing, so that who comes or goes moves no text between the others. At least one candidate.
 */
export function chooseByHash(candidates: readonly ShareCandidate[], text: string): ShareCandidate {
  const textHash = hashOfText(text);
  let chosen = candidates[0]!;
  let best = -1;
  for (const candidate of candidates) {
    const mixed = mixedHashes(textHash, hashOfText(candidate.nodeId));
    const score = -candidate.weight / Math.log((mixed + 0.5) / 2 ** 32);
    if (score > best) {
      chosen = candidate;
      best = score;
    }
  }
  return chosen;
}
