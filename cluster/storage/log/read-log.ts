import type { Entry, HardState, LogIndex, Term } from "../../raft/types.ts";
import { corrupt } from "../corrupt.ts";
import type { TruncationRecord } from "../records.ts";
import { type LogFileName, type LogFiles, logFileName } from "./files.ts";
import { isTorn } from "./frame.ts";
import { withSnapshot } from "./hard-state.ts";
import { damagedAt, type LogFile, LogReader, type NeededFile, readLogFile } from "./reader.ts";
import { chainStart } from "./record.ts";
import { LogTable } from "./table.ts";

/** What the database says of the log: the point up to which state stands for it, and the generation of that state. */
export interface LogPoint {
  readonly index: LogIndex;
  readonly term: Term;
  /** At `index`, hex. */
  readonly chain: string;
  readonly generation: number;
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

/** That of a node that never wrote. */
export function emptyLog(): StoredLog {
  return {
    entries: [],
    table: new LogTable(0, chainStart),
    hardState: { term: 0, vote: null, commit: 0 },
    truncation: null,
    sequence: 0,
    files: [],
  };
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
    // Also when nothing is torn: what a process wrote as it was killed need not be synced, and is relied upon from now on.
    if (mayBeTorn) await files.cut(file.name, sizeBytes);
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
 * The log that begins with an installed snapshot, whose generation only the state knows. Term and vote are those of the log before it.
 */
function notBegun({ hardState, sequence }: LogReader, { index, term }: LogPoint): StoredLog {
  const next = sequence + 1;
  return {
    entries: [],
    table: new LogTable(index, chainStart),
    hardState: withSnapshot(hardState, { index, term }),
    truncation: { sequence: next, index: index - 1 },
    sequence: next,
    files: [],
  };
}

function toEnd<Result>(steps: Generator<unknown, Result>): Result {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}
