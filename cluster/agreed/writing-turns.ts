import type { NodeId } from "../node-id.ts";

/**
 * Nodes take turns in writing what they applied. While a large write is under way a node syncs no new entries, and nodes that apply the same
 * entries would come to it at the same moment and stay in step from then on: nothing could be acknowledged meanwhile. The log's time, which
 * is the same for all of them, says whose turn it is, so that the others are a majority.
 */
export class WritingTurns {
  readonly #nodeId: NodeId;
  readonly #roundMs: number;
  #turn = 0;

  /** In each round of `roundMs` every voter has one turn. */
  constructor(nodeId: NodeId, roundMs: number) {
    this.#nodeId = nodeId;
    this.#roundMs = roundMs;
  }

  /** True once for each turn of this node. `timeMs` is that of the newest entry applied; `voters` are sorted. */
  begins(timeMs: number, voters: readonly NodeId[]): boolean {
    // Nobody waits for a node that does not vote: it may go with the first of them.
    const place = Math.max(0, voters.indexOf(this.#nodeId));
    const turn = Math.floor(timeMs / this.#roundMs - place / Math.max(1, voters.length));
    if (turn === this.#turn) return false;
    this.#turn = turn;
    return true;
  }
}
