import type { NodeId } from "../node-id.ts";
import type { BatchHeader } from "../wire/batch-codec.ts";

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

  admits(header: BatchHeader): "append" | "repetition" | "gap" {
    const last = this.#last.get(header.origin);
    if (last === undefined || header.incarnation > last.incarnation) return "append";
    if (header.incarnation < last.incarnation || header.seq <= last.seq) return "repetition";
    return header.seq === last.seq + 1 ? "append" : "gap";
  }

  appended(header: BatchHeader): void {
    this.#last.set(header.origin, { incarnation: header.incarnation, seq: header.seq });
  }
}
