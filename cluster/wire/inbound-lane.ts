import { BatchFlag, type BatchHeader, type LanePosition } from "./forward-frames.ts";

/**
 * What to do with a batch. `gap`: one before it is missing, and the sender must be told where to go on; `ignored`: it was told, and
 * what it had sent before it heard so is of no use.
 */
export type BatchVerdict = "deliver" | "duplicate" | "gap" | "ignored";

/**
 * The receiver's side of a lane: which batches of the peer's present incarnation were delivered. It outlives links, so that what is
 * resent after a reconnect is delivered once.
 */
export class InboundLane {
  #incarnation = 0;
  #lastSeq = 0;
  #confirmedSeq = 0;
  /** The sender was told of a gap and has not resumed yet. */
  #isResumeAwaited = false;

  /** The peer's incarnation, from its hello; another one starts from nothing. */
  linked(incarnation: number): void {
    if (incarnation !== this.#incarnation) {
      this.#incarnation = incarnation;
      this.#lastSeq = 0;
    }
    this.#confirmedSeq = this.#lastSeq;
    this.#isResumeAwaited = false;
  }

  receive(header: BatchHeader): BatchVerdict {
    const { seq, flags } = header;
    if (seq === 0) return "deliver";
    if (seq <= this.#lastSeq) return "duplicate";
    const isResumed = (flags & BatchFlag.resumed) !== 0;
    if (seq > this.#lastSeq + 1 && !isResumed) {
      if (this.#isResumeAwaited) return "ignored";
      this.#isResumeAwaited = true;
      return "gap";
    }
    this.#isResumeAwaited = false;
    this.#lastSeq = seq;
    return "deliver";
  }

  get position(): LanePosition {
    return { incarnation: this.#incarnation, lastSeq: this.#lastSeq };
  }

  /** How far the sender is behind with what it knows. */
  get unconfirmedBatches(): number {
    return this.#lastSeq - this.#confirmedSeq;
  }

  /** The sender was told about everything so far. */
  confirmed(): void {
    this.#confirmedSeq = this.#lastSeq;
  }
}
