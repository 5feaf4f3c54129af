import type { InterestChange } from "../cluster-api.ts";
import type { InterestDelta, InterestPosition } from "../wire/interest-frames.ts";
import type { InterestAnswer, InterestPull } from "../wire/interest-pull.ts";
import { isSameDigest } from "./digest.ts";
import { differenceOf, InterestTable } from "./interest-table.ts";

/** `applied`: `changes` is what a listener must hear. `gap`: something is missing and must be pulled. */
export type DeltaOutcome =
  | { readonly type: "applied"; readonly changes: readonly InterestChange[] }
  | { readonly type: "duplicate" | "gap" | "stale" };

const duplicate: DeltaOutcome = { type: "duplicate" };
const gap: DeltaOutcome = { type: "gap" };
const stale: DeltaOutcome = { type: "stale" };

export type AnswerOutcome =
  /** Taken in; `changes` may be empty while a snapshot is only partly there. */
  | { readonly type: "applied"; readonly changes: readonly InterestChange[] }
  /** It does not fit what is known; the pull starts over. */
  | { readonly type: "refused" };

const refused: AnswerOutcome = { type: "refused" };

/**
 * The reader's side of one writer's table. Operations are applied only in order; whatever is missing is pulled from the
 * writer, as operations or as a snapshot that is built beside the old table and takes its place only when it is complete.
 */
export class RemoteInterest {
  readonly #keysMax: number;
  #table = new InterestTable(0);
  /** The newest state that anybody spoke of; the table is behind until it is there. */
  #heardIncarnation = 0;
  #heardSeq = 0;
  /** `#heardSeq` when the last pull was made: the answer to it knows better, unless more was heard meanwhile. */
  #heardSeqAtPull = 0;
  /** The table is wrong at its own seq and must be replaced by a snapshot. */
  #mustReload = false;
  /** A snapshot under way. */
  #staged: InterestTable | null = null;
  #rejectedCount = 0;

  constructor(keysMax: number) {
    this.#keysMax = keysMax;
  }

  /** Keys beyond the limit that were not taken in. */
  get rejectedCount(): number {
    return this.#rejectedCount;
  }

  get incarnation(): number {
    return this.#table.incarnation;
  }

  get seq(): number {
    return this.#table.seq;
  }

  get table(): InterestTable {
    return this.#table;
  }

  get isBehind(): boolean {
    return (
      this.#mustReload ||
      this.#table.incarnation < this.#heardIncarnation ||
      this.#table.seq < this.#heardSeq
    );
  }

  receive(delta: InterestDelta): DeltaOutcome {
    const lastSeq = delta.fromSeq + delta.operations.length - 1;
    if (delta.incarnation < this.#table.incarnation) return stale;
    this.#hear(delta.incarnation, lastSeq);
    if (delta.incarnation > this.#table.incarnation) return gap;
    if (lastSeq <= this.#table.seq) return duplicate;
    if (delta.fromSeq > this.#table.seq + 1) return gap;
    return { type: "applied", changes: this.#apply(delta.fromSeq, delta.operations) };
  }

  /**
   * Compares with what the writer says of itself. "mismatch": equal seq, different content; that is a bug
   * or a damaged frame, and only `reload` helps.
   */
  compare(position: InterestPosition): "same" | "behind" | "ahead" | "stale" | "mismatch" {
    if (position.incarnation < this.#table.incarnation) return "stale";
    this.#hear(position.incarnation, position.seq);
    if (position.incarnation > this.#table.incarnation || position.seq > this.#table.seq) {
      return "behind";
    }
    if (position.seq < this.#table.seq) return "ahead";
    const isSame =
      position.count === this.#table.count && isSameDigest(position.digest, this.#table.digest);
    return isSame ? "same" : "mismatch";
  }

  /** From now on a snapshot is wanted, whatever the seq. */
  reload(): void {
    this.#mustReload = true;
  }

  /** What to ask the writer for next, as long as `isBehind`. */
  nextPull(): InterestPull {
    this.#heardSeqAtPull = this.#heardSeq;
    if (this.#staged !== null) {
      const { incarnation, seq, count } = this.#staged;
      return { incarnation, seq: 0, snapshotSeq: seq, offset: count };
    }
    const isDelta = !this.#mustReload && this.#table.incarnation === this.#heardIncarnation;
    const incarnation = isDelta ? this.#table.incarnation : 0;
    return { incarnation, seq: isDelta ? this.#table.seq : 0, snapshotSeq: 0, offset: 0 };
  }

  answer(answer: InterestAnswer): AnswerOutcome {
    if (answer.incarnation < this.#table.incarnation) return this.#refuse();
    return answer.type === "delta" ? this.#answerDelta(answer) : this.#answerPage(answer);
  }

  #answerDelta(answer: InterestAnswer & { type: "delta" }): AnswerOutcome {
    const isUsable =
      answer.incarnation === this.#table.incarnation &&
      answer.fromSeq <= this.#table.seq + 1 &&
      !this.#mustReload;
    if (!isUsable) return this.#refuse();
    // A wrong seq that was heard somewhere must not make this node ask for ever: the writer's own word counts.
    if (this.#heardSeq === this.#heardSeqAtPull) this.#heardSeq = answer.lastSeq;
    return { type: "applied", changes: this.#apply(answer.fromSeq, answer.changes) };
  }

  #answerPage(answer: InterestAnswer & { type: "page" }): AnswerOutcome {
    if (answer.offset === 0) {
      this.#staged = new InterestTable(answer.incarnation, answer.snapshotSeq);
    }
    if (answer.count > this.#keysMax) {
      this.#rejectedCount += answer.count;
      return this.#refuse();
    }
    const staged = this.#staged;
    const isNext =
      staged !== null &&
      staged.incarnation === answer.incarnation &&
      staged.seq === answer.snapshotSeq &&
      staged.count === answer.offset;
    if (!isNext) return this.#refuse();
    for (const { key, weight } of answer.changes) staged.put(key, weight);
    if (
      staged.count > answer.count ||
      (answer.changes.length === 0 && answer.count > staged.count)
    ) {
      return this.#refuse();
    }
    if (staged.count < answer.count) return { type: "applied", changes: [] };
    if (!isSameDigest(staged.digest, answer.digest)) return this.#refuse();
    return { type: "applied", changes: this.#swap(staged) };
  }

  #swap(next: InterestTable): InterestChange[] {
    const changes = differenceOf(this.#table, next);
    this.#table = next;
    this.#staged = null;
    this.#mustReload = false;
    // As above: a higher incarnation than the writer's own is not waited for.
    if (this.#heardIncarnation > next.incarnation) this.#heardIncarnation = 0;
    this.#hear(next.incarnation, next.seq);
    return changes;
  }

  #refuse(): AnswerOutcome {
    this.#staged = null;
    return refused;
  }

  #apply(fromSeq: number, operations: readonly InterestChange[]): readonly InterestChange[] {
    const known = this.#table.seq + 1 - fromSeq;
    const news = known > 0 ? operations.slice(known) : operations;
    for (const { key, weight } of news) {
      const isOver = this.#table.count >= this.#keysMax && this.#table.weightOf(key) === 0;
      if (isOver && weight > 0) this.#rejectedCount += 1;
      else this.#table.put(key, weight);
    }
    this.#table.seq += news.length;
    return news;
  }

  #hear(incarnation: number, seq: number): void {
    if (incarnation > this.#heardIncarnation) {
      this.#heardIncarnation = incarnation;
      this.#heardSeq = seq;
    } else if (incarnation === this.#heardIncarnation && seq > this.#heardSeq) {
      this.#heardSeq = seq;
    }
  }
}
