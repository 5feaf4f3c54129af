import type { NodeId } from "../node-id.ts";

/** When a node writes, among those that vote. */
export interface WritingTurn {
  /** This node's turn has begun: what waits leaves. True once for each of its turns. */
  readonly isNow: boolean;
  /** How far its turns are behind those of the first voter, as a part of a round: 0 to less than 1. */
  readonly offset: number;
  /** The log's time. */
  readonly timeMs: number;
}

/**
 * Nodes take turns in writing what they applied. While a large write is under way a node syncs no new entries, and nodes that apply the same
 * entries would come to it at the same moment and stay in step from then on: nothing could be acknowledged meanwhile. The log's time, which
 * is the same for all of them, says whose turn it is, so that the others are a majority.
 */
export class WritingTurns {
  readonly #nodeId: NodeId;
  readonly #roundMs: number;
  #slot = 0;

  /** A round of `roundMs` has a slot for every voter. */
  constructor(nodeId: NodeId, roundMs: number) {
    this.#nodeId = nodeId;
    this.#roundMs = roundMs;
  }

  /**
   * `timeMs` is that of the newest entry applied; `voters` are sorted. A slot that no entry came in is not made up for: after a pause of the
   * log all those whose slot was in it would begin with the same entry.
   */
  at(timeMs: number, voters: readonly NodeId[]): WritingTurn {
    const count = Math.max(1, voters.length);
    // Nobody waits for a node that does not vote: it may go with the first of them.
    const place = Math.max(0, voters.indexOf(this.#nodeId));
    const slot = Math.floor((timeMs * count) / this.#roundMs);
    const isNow = slot % count === place && slot !== this.#slot;
    if (isNow) this.#slot = slot;
    return { isNow, offset: place / count, timeMs };
  }
}
