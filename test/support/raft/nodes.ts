import type { NodeId } from "../../../cluster/node-id.ts";
import type { RaftOptions } from "../../../cluster/raft/api.ts";
import type { Configuration } from "../../../cluster/raft/types.ts";

/** Node 1 is 00...01: sorts like its number, and scripts can call it n1. */
export function nodeIdOf(number: number): NodeId {
  return number.toString(16).padStart(32, "0");
}

export function nodeNumber(nodeId: NodeId): number {
  return Number.parseInt(nodeId, 16);
}

export function configurationOf(
  voters: readonly number[],
  learners: readonly number[] = [],
): Configuration {
  return {
    voters: voters.map(nodeIdOf),
    votersOutgoing: [],
    learners: learners.map(nodeIdOf),
    learnersNext: [],
  };
}

export function optionsOf(number: number, overrides: Partial<RaftOptions> = {}): RaftOptions {
  return {
    nodeId: nodeIdOf(number),
    electionTicks: 10,
    heartbeatTicks: 2,
    appendSizeBytesMax: 1024,
    inflightAppendsMax: 4,
    inflightBytesMax: 4096,
    uncommittedBytesMax: 1 << 20,
    committedBytesPerReadyMax: 1 << 20,
    random: () => 0,
    ...overrides,
  };
}

/** A small seeded generator (mulberry32), so that a failing seed is a command to repeat. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
