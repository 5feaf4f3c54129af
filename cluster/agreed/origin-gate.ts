import type { NodeId } from "../node-id.ts";
import type { BatchHeader } from "../wire/batch-codec.ts";

/** How far the batches of one node have come: each is applied once, in order, however often it was sent. */
export interface OriginProgress {
  readonly incarnation: number;
  readonly lastSeq: number;
}

/**
 * A leader's memory, for its own term, of which batch of each node it appended last. Repetitions and gaps are turned
 * away before they cost a log entry; the replicated state would ignore them anyway, so forgetting is safe.
 */
export class OriginGate {
  readonly #last = new Map<NodeId, { incarnation: number; seq: number }>();

  /** A new term begins: nothing is known of what older leaders appended. */
  reset(): void {
    this.#last.clear();
  }

  /** A batch that was let through was of no use: one before it is missing, so what comes next is judged anew. */
  forget(origin: NodeId): void {
    this.#last.delete(origin);
  }

  /**
   * `applied` is how far the origin's batches have come in the replicated state. A memory behind that, left by a batch of an
   * earlier term that arrived late, says nothing about what stands in the log after it.
   */
  admits(header: BatchHeader, applied: OriginProgress): "append" | "repetition" | "gap" {
    const { origin, incarnation, seq } = header;
    if (isUpTo(incarnation, seq, applied)) return "repetition";
    const last = this.#last.get(origin);
    if (last === undefined || incarnation > last.incarnation) return "append";
    if (incarnation < last.incarnation || seq <= last.seq) return "repetition";
    return seq === last.seq + 1 || isUpTo(last.incarnation, last.seq + 1, applied)
      ? "append"
      : "gap";
  }

  appended(header: BatchHeader): void {
    this.#last.set(header.origin, { incarnation: header.incarnation, seq: header.seq });
  }
}

function isUpTo(
  incarnation: number,
  seq: number,
  { incarnation: of, lastSeq }: OriginProgress,
): boolean {
  return incarnation < of || (incarnation === of && seq <= lastSeq);
}
