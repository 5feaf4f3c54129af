import type { HardState } from "../../raft/types.ts";
import { Batch } from "../batch.ts";
import type { LogStart } from "./files.ts";
import { type Part, PartKind, partHeaderSizeBytes } from "./frame.ts";

/** Changes to the log. Of several hard states the last one is written. */
export class LogBatch extends Batch {
  readonly #entries: Part[] = [];
  #hardState: HardState | null = null;
  #begin: LogStart | null = null;
  #after: LogStart | null = null;

  /** Not null: nothing in front of the batch counts any more, and the log goes on from here. */
  get begin(): LogStart | null {
    return this.#begin;
  }

  /** What the log is once the batch is on disk. */
  get after(): LogStart {
    return this.#after!;
  }

  /** Only for an empty batch. */
  beginWith(start: LogStart): void {
    this.#begin = start;
  }

  /** `record`: see record.ts. */
  append(record: Buffer): void {
    this.#entries.push({ kind: PartKind.entry, content: record });
    this.size += partHeaderSizeBytes + record.byteLength;
  }

  setHardState(hardState: HardState): void {
    this.#hardState = hardState;
  }

  /** All of a change is in. */
  close(after: LogStart): void {
    this.#after = after;
  }

  parts(): readonly Part[] {
    if (this.#hardState === null) return this.#entries;
    return [...this.#entries, jsonPart(PartKind.hardState, this.#hardState)];
  }
}

export function jsonPart(kind: PartKind, value: HardState | LogStart): Part {
  return { kind, content: Buffer.from(JSON.stringify(value)) };
}
