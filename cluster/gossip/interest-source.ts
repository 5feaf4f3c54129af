import type { InterestChange } from "../cluster-api.ts";
import type { InterestAnswer, InterestPull } from "../wire/interest-pull.ts";
import type { InterestSnapshot, OwnInterest } from "./own-interest.ts";

/** More entries than fit into one page; keeps the cost of a page independent of the table's size. */
const entriesPerPageMax = 65_536;

/**
 * Answers the pulls of peers out of the own table: operations while the ring has them, else pages of a snapshot. One snapshot
 * serves all peers for as long as the ring leads on from it; a peer that asks for a page of another one starts over.
 */
export class InterestSource {
  readonly #own: OwnInterest;
  readonly #snapshotIdleMs: number;
  #snapshot: InterestSnapshot | null = null;
  #usedMs = 0;

  constructor(own: OwnInterest, snapshotIdleMs: number) {
    this.#own = own;
    this.#snapshotIdleMs = snapshotIdleMs;
  }

  get holdsSnapshot(): boolean {
    return this.#snapshot !== null;
  }

  answer(pull: InterestPull, nowMs: number): InterestAnswer {
    const own = this.#own;
    if (pull.incarnation === own.incarnation && pull.snapshotSeq === 0 && own.covers(pull.seq)) {
      return this.#delta(pull.seq);
    }
    return this.#page(pull, nowMs);
  }

  /** Frees the snapshot when nobody asked for it lately; to be called now and then. */
  expire(nowMs: number): void {
    if (nowMs - this.#usedMs >= this.#snapshotIdleMs) this.#snapshot = null;
  }

  #delta(seq: number): InterestAnswer {
    const changes: InterestChange[] = [];
    const lastSeq = Math.min(this.#own.seq, seq + entriesPerPageMax);
    for (let next = seq + 1; next <= lastSeq; next += 1) {
      const operation = this.#own.operationAt(next);
      if (operation === undefined) break;
      changes.push(operation);
    }
    return {
      type: "delta",
      incarnation: this.#own.incarnation,
      lastSeq: this.#own.seq,
      fromSeq: seq + 1,
      changes,
    };
  }

  #page(pull: InterestPull, nowMs: number): InterestAnswer {
    const own = this.#own;
    let snapshot = this.#snapshot;
    if (snapshot === null || !own.covers(snapshot.seq)) snapshot = own.snapshot();
    this.#snapshot = snapshot;
    this.#usedMs = nowMs;
    const isContinued = pull.incarnation === own.incarnation && pull.snapshotSeq === snapshot.seq;
    const offset = isContinued ? Math.min(pull.offset, snapshot.entries.length) : 0;
    return {
      type: "page",
      incarnation: own.incarnation,
      snapshotSeq: snapshot.seq,
      digest: snapshot.digest,
      count: snapshot.entries.length,
      offset,
      changes: snapshot.entries.slice(offset, offset + entriesPerPageMax),
    };
  }
}
