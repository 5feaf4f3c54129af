import {
  defaultGroup,
  type Entry,
  type HardState,
  type LogIndex,
  type SnapshotPoint,
} from "../../raft/types.ts";
import type { TruncationRecord } from "../records.ts";
import type { LogBatch } from "./batch.ts";
import type { LogStart } from "./files.ts";
import { withSnapshot } from "./hard-state.ts";
import type { StoredLog } from "./read-log.ts";
import { chainInRecord, chainStart, encodeLogRecord } from "./record.ts";
import { LogTable } from "./table.ts";
import { truncated } from "./truncation.ts";

/** Turns changes to the log into records, in the order in which they are handed over, and knows what the log is once all of them are on disk. */
export class LogChanges {
  #table: LogTable;
  #generation: number;
  #hardState: HardState;
  #truncation: TruncationRecord | null;
  /** Batch that the floor on disk stands for: a truncation it does not know yet must be kept. */
  readonly #floorSequence: () => number;

  constructor(stored: StoredLog, generation: number, floorSequence: () => number) {
    this.#table = stored.table;
    this.#generation = generation;
    this.#hardState = stored.hardState;
    this.#truncation = stored.truncation;
    this.#floorSequence = floorSequence;
  }

  /** The entry behind which the log begins. */
  get baseIndex(): LogIndex {
    return this.#table.baseIndex;
  }

  get sizeBytes(): number {
    return this.#table.sizeBytes;
  }

  /** Of what was handed over. */
  state(): LogStart {
    const index = this.#table.lastIndex;
    return {
      generation: this.#generation,
      index,
      chain: this.#table.chainHexAt(index),
      hardState: this.#hardState,
      truncation: this.#truncation,
    };
  }

  chainAt(index: LogIndex): string {
    return this.#table.chainHexAt(index);
  }

  /**
   * A snapshot replaces the state. The whole log goes: an entry behind the snapshot belongs to another history, and the chain
   * starts anew, so that an earlier floor vouches only for what is below the snapshot. `batch` is a new one.
   */
  restart(point: Pick<SnapshotPoint, "index" | "term">, generation: number, batch: LogBatch): void {
    const { index } = point;
    this.#table = new LogTable(index, chainStart);
    this.#generation = generation;
    // The begin of the file may be all that a crash leaves of the batch.
    this.#hardState = withSnapshot(this.#hardState, point);
    this.#noteTruncation(index - 1, batch);
    batch.beginWith(this.state());
  }

  append(entries: readonly Entry[], batch: LogBatch): void {
    const first = entries[0]?.index;
    if (first === undefined) return;
    const table = this.#table;
    if (first <= table.lastIndex) {
      table.truncateTo(first - 1);
      this.#noteTruncation(first - 1, batch);
    }
    for (const entry of entries) {
      const record = encodeLogRecord(defaultGroup, entry, table.chainAt(table.lastIndex));
      batch.append(record);
      table.append(chainInRecord(record), record.byteLength);
    }
  }

  setHardState(hardState: HardState, batch: LogBatch): void {
    this.#hardState = hardState;
    batch.setHardState(hardState);
  }

  /** State stands for the log up to `index`. */
  dropThrough(index: LogIndex): void {
    this.#table.dropThrough(index);
  }

  #noteTruncation(index: LogIndex, { sequence }: LogBatch): void {
    this.#truncation = truncated(this.#truncation, { sequence, index }, this.#floorSequence());
  }
}
