import { defaultGroup, type Entry, type HardState, type LogIndex } from "../../raft/types.ts";
import { corrupt } from "../corrupt.ts";
import type { TruncationRecord } from "../records.ts";
import { type LogFileName, type LogFiles, type LogStart, logFileName } from "./files.ts";
import { type Frame, isTorn, type Part, PartKind, readFrame } from "./frame.ts";
import { decodeLogRecord, indexInRecord } from "./record.ts";
import { LogTable } from "./table.ts";
import { truncated } from "./truncation.ts";

/** A file that the log still needs. */
export interface LogFile {
  readonly name: LogFileName;
  readonly start: LogStart;
  readonly sizeBytes: number;
}

/** A file whose first frame was read. */
export interface NeededFile {
  readonly name: LogFileName;
  readonly bytes: Buffer;
  readonly start: LogStart;
  /** That of the last batch before the file. */
  readonly sequence: number;
}

/** Files whose frames are read one after the other. Throws ClusterError `storage-corrupt`. */
export class LogReader {
  readonly #floorSequence: number;
  readonly generation: number;
  readonly files: LogFile[] = [];
  table: LogTable;
  entries: Entry[] = [];
  hardState: HardState;
  truncation: TruncationRecord | null;
  sequence: number;

  /** `start` and `sequence` are those of the first file. */
  constructor(start: LogStart, sequence: number, floorSequence: number) {
    this.generation = start.generation;
    this.table = new LogTable(start.index, Buffer.from(start.chain, "hex"));
    this.hardState = start.hardState;
    this.truncation = start.truncation;
    this.sequence = sequence;
    this.#floorSequence = floorSequence;
  }

  /** They are read to be checked, and not to be kept. */
  forgetEntries(): void {
    this.entries = [];
  }

  /** Frame by frame, with the size of each. Answers how much of the file is sound; less than all only when it `mayBeTorn`. */
  *read({ name, bytes, start }: NeededFile, mayBeTorn: boolean): Generator<number, number> {
    const file = logFileName(name);
    let at = 0;
    while (at < bytes.length) {
      const frame = readFrame(bytes, at, name.salt);
      if (frame === null) {
        if (mayBeTorn && isTorn(bytes, at, name.salt)) break;
        throw damagedAt(name, at);
      }
      if (at === 0) this.#begin(file, frame, start);
      else this.#take(file, frame);
      const frameSizeBytes = frame.end - at;
      at = frame.end;
      yield frameSizeBytes;
    }
    this.files.push({ name, start, sizeBytes: at });
    return at;
  }

  #begin(file: string, { sequence }: Frame, { index, chain }: LogStart): void {
    const { table } = this;
    if (sequence !== this.sequence) {
      throw corrupt(
        file,
        index,
        `begins behind batch ${sequence}, the last one is ${this.sequence}`,
      );
    }
    if (index !== table.lastIndex || chain !== table.chainHexAt(index)) {
      throw corrupt(
        file,
        index,
        `does not go on where the file before it ends, at ${table.lastIndex}`,
      );
    }
  }

  #take(file: string, { sequence, parts }: Frame): void {
    if (sequence !== this.sequence + 1) {
      throw corrupt(file, null, `batch ${sequence} follows batch ${this.sequence}`);
    }
    this.sequence = sequence;
    for (const part of parts) {
      if (part.kind === PartKind.entry) this.#append(file, part.content);
      else if (part.kind === PartKind.hardState) this.hardState = json<HardState>(part);
      else throw corrupt(file, null, "a file begins within a file");
    }
  }

  #append(file: string, stored: Buffer): void {
    const next = this.table.lastIndex + 1;
    const index = indexInRecord(stored);
    if (index === null) throw corrupt(file, next, "record too short");
    if (index > next) throw corrupt(file, next, `missing; found ${index} instead`);
    const isBeforeBase = index <= this.table.baseIndex;
    if (index < next) this.#truncate(index - 1);
    const previous = isBeforeBase ? null : this.table.chainAt(index - 1);
    // Of its own: a view would keep the whole file in memory.
    const record = decodeLogRecord(Buffer.from(stored), previous);
    if ("reason" in record) throw corrupt(file, index, record.reason);
    if (record.group !== defaultGroup) throw corrupt(file, index, "the record is of another group");
    if (isBeforeBase) {
      // The file began with an entry that was replaced later. State stands for it by now; its chain is checked by those behind it.
      this.table = new LogTable(index, record.chain);
      return;
    }
    this.table.append(record.chain, stored.byteLength);
    this.entries.push(record.entry);
  }

  #truncate(index: LogIndex): void {
    const { table, sequence } = this;
    this.entries.length = Math.max(0, this.entries.length - (table.lastIndex - index));
    table.truncateTo(index);
    this.truncation = truncated(this.truncation, { sequence, index }, this.#floorSequence);
  }
}

/** A file with what it begins with; the latter is null when that cannot be read. */
export async function readLogFile(files: LogFiles, name: LogFileName) {
  const bytes = await files.read(name);
  const frame = readFrame(bytes, 0, name.salt);
  const part = frame?.parts[0];
  const start = part?.kind === PartKind.start ? json<LogStart>(part) : null;
  return { name, bytes, start, sequence: frame?.sequence ?? 0 };
}

export function damagedAt(name: LogFileName, at: number): Error {
  const reason = `damaged at byte ${at}, and not by a crash while it was written`;
  return corrupt(logFileName(name), null, reason);
}

export function json<Stored>({ content }: Part): Stored {
  return JSON.parse(content.toString("utf8")) as Stored;
}
