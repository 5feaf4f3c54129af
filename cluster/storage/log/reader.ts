import { defaultGroup, type Entry, type HardState, type LogIndex, type Term } from "../../raft/types.ts";
import { corrupt } from "../corrupt.ts";
import type { TruncationRecord } from "../records.ts";
import { type LogFileName, type LogFiles, type LogStart, logFileName } from "./files.ts";
import { type Frame, isTorn, type Part, PartKind, readFrame } from "./frame.ts";
import { chainStart, decodeLogRecord, indexInRecord } from "./record.ts";
import { LogTable } from "./table.ts";
import { truncated } from "./truncation.ts";

/** What the database says of the log: the point up to which state stands for it, and the generation of that state. */
export interface LogPoint {
  readonly index: LogIndex;
  readonly term: Term;
  /** At `index`, hex. */
  readonly chain: string;
  readonly generation: number;
}

/** A file that the log still needs. */
export interface LogFile {
  readonly name: LogFileName;
  readonly start: LogStart;
  readonly sizeBytes: number;
}

export interface StoredLog {
  /** Those behind the point. */
  readonly entries: readonly Entry[];
  /** Begins at the point. */
  readonly table: LogTable;
  readonly hardState: HardState;
  readonly truncation: TruncationRecord | null;
  /** Number of the last batch. */
  readonly sequence: number;
  readonly files: readonly LogFile[];
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

  /** Frame by frame. Answers how much of the file is sound; less than all only when it `mayBeTorn`. */
  *read({ name, bytes, start }: NeededFile, mayBeTorn: boolean): Generator<void, number> {
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
      at = frame.end;
      yield;
    }
    this.files.push({ name, start, sizeBytes: at });
    return at;
  }

  #begin(file: string, { sequence }: Frame, { index, chain }: LogStart): void {
    const { table } = this;
    if (sequence !== this.sequence) {
      throw corrupt(file, index, `begins behind batch ${sequence}, the last one is ${this.sequence}`);
    }
    if (index !== table.lastIndex || chain !== table.chainHexAt(index)) {
      throw corrupt(file, index, `does not go on where the file before it ends, at ${table.lastIndex}`);
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
    const { table } = this;
    const next = table.lastIndex + 1;
    const index = indexInRecord(stored);
    if (index === null) throw corrupt(file, next, "record too short");
    if (index > next) throw corrupt(file, next, `missing; found ${index} instead`);
    if (index <= table.baseIndex) throw corrupt(file, index, `the log begins behind ${table.baseIndex}`);
    if (index < next) this.#truncate(index - 1);
    // Of its own: a view would keep the whole file in memory.
    const record = decodeLogRecord(Buffer.from(stored), table.chainAt(index - 1));
    if ("reason" in record) throw corrupt(file, index, record.reason);
    if (record.group !== defaultGroup) throw corrupt(file, index, "the record is of another group");
    table.append(record.chain, stored.byteLength);
    this.entries.push(record.entry);
  }

  #truncate(index: LogIndex): void {
    const { table, sequence } = this;
    this.entries.length = Math.max(0, this.entries.length - (table.lastIndex - index));
    table.truncateTo(index);
    this.truncation = truncated(this.truncation, { sequence, index }, this.#floorSequence);
  }
}

/**
 * Reads the files of a log from the newest one that begins at or in front of the point; what is in front of that was left by a crash before it
 * could be removed. What a crash tore at the end is cut off. Throws ClusterError `storage-corrupt`.
 */
export async function readLog(
  files: LogFiles,
  names: readonly LogFileName[],
  point: LogPoint,
  floorSequence: number,
): Promise<StoredLog> {
  const needed = await neededFiles(files, names, point);
  const [first] = needed;
  if (first === undefined) throw corrupt("log", point.index, "no file of the log begins there");
  const reader = new LogReader(first.start, first.sequence, floorSequence);
  for (const file of needed) {
    const mayBeTorn = file === needed.at(-1);
    const sizeBytes = toEnd(reader.read(file, mayBeTorn));
    if (sizeBytes < file.bytes.length) await files.cut(file.name, sizeBytes);
  }
  if (reader.sequence < floorSequence) {
    const reason = `batch ${reader.sequence} is the last one, ${floorSequence} was durable`;
    throw corrupt("log", reader.table.lastIndex + 1, reason);
  }
  if (first.start.generation < point.generation) return notBegun(reader, point);
  const { table, entries, hardState, truncation, sequence } = reader;
  if (table.lastIndex < point.index) {
    const missing = table.lastIndex + 1;
    throw corrupt("log", missing, `missing; the state stands for the log up to ${point.index}`);
  }
  if (table.chainHexAt(point.index) !== point.chain) {
    throw corrupt("log", point.index, "the log is not the one that the state stands for");
  }
  const behind = entries.slice(point.index - table.baseIndex);
  table.dropThrough(point.index);
  return { entries: behind, table, hardState, truncation, sequence, files: reader.files };
}

/** A file with what it begins with; the latter is null when that cannot be read. */
export async function readLogFile(files: LogFiles, name: LogFileName) {
  const bytes = await files.read(name);
  const frame = readFrame(bytes, 0, name.salt);
  const part = frame?.parts[0];
  const start = part?.kind === PartKind.start ? json<LogStart>(part) : null;
  return { name, bytes, start, sequence: frame?.sequence ?? 0 };
}

/**
 * The names without that of a newest file whose begin is torn: it was never used, and is removed. Throws ClusterError `storage-corrupt`
 * when its begin is damaged.
 */
export async function withoutTornFile(
  files: LogFiles,
  names: readonly LogFileName[],
): Promise<readonly LogFileName[]> {
  const newest = names.at(-1);
  if (newest === undefined) return names;
  const { bytes, start } = await readLogFile(files, newest);
  if (start !== null) return names;
  if (!isTorn(bytes, 0, newest.salt)) throw damagedAt(newest, 0);
  await files.remove(newest);
  return names.slice(0, -1);
}

/**
 * Those that the log behind the point stands in; only the newest when the state is of a later generation. Then a snapshot was installed, and the
 * log that begins with it was not begun.
 */
async function neededFiles(
  files: LogFiles,
  names: readonly LogFileName[],
  point: LogPoint,
): Promise<NeededFile[]> {
  const needed: NeededFile[] = [];
  for (const name of names.toReversed()) {
    const { bytes, start, sequence } = await readLogFile(files, name);
    if (start === null) throw damagedAt(name, 0);
    const next = needed[0];
    if (next !== undefined && next.name.number !== name.number + 1) {
      const reason = `file ${next.name.number - 1} of the log is missing`;
      throw corrupt(logFileName(next.name), next.start.index, reason);
    }
    needed.unshift({ name, bytes, start, sequence });
    const isBehind = start.generation < point.generation && next === undefined;
    if (isBehind) return needed;
    if (start.generation !== point.generation) {
      const reason = `is of generation ${start.generation}, the state of ${point.generation}`;
      throw corrupt(logFileName(name), start.index, reason);
    }
    if (start.index <= point.index) return needed;
  }
  return [];
}

/**
 * The log that begins with an installed snapshot, whose generation only the state knows. Term and vote are those of the log before it; but the snapshot is
 * committed, and in its term, if that is a later one, this node has not voted.
 */
function notBegun({ hardState, sequence }: LogReader, { index, term }: LogPoint): StoredLog {
  const next = sequence + 1;
  return {
    entries: [],
    table: new LogTable(index, chainStart),
    hardState: {
      ...(hardState.term < term ? { term, vote: null } : hardState),
      commit: Math.max(hardState.commit, index),
    },
    truncation: { sequence: next, index: index - 1 },
    sequence: next,
    files: [],
  };
}

function toEnd<Result>(steps: Generator<void, Result>): Result {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

function damagedAt(name: LogFileName, at: number): Error {
  const reason = `damaged at byte ${at}, and not by a crash while it was written`;
  return corrupt(logFileName(name), null, reason);
}

function json<Stored>({ content }: Part): Stored {
  return JSON.parse(content.toString("utf8")) as Stored;
}
