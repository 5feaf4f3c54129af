import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { largestOf, physicalRecords, readDatabaseFiles } from "./database-files.ts";
import { endOfFrames, newestLogFile } from "./raft-log-files.ts";

/** A file of Raft's log, or LevelDB's own log, or one of its tables. */
export type FlipKind = "Raft log" | ".log" | ".ldb";

export interface Flipped {
  readonly file: string;
  readonly position: number;
  readonly sizeBytes: number;
  /** Files that were passed over because the database does not read them. */
  readonly leftovers: readonly string[];
}

/** In less than this there may be nothing but a footer, or the records that every start writes. */
const sizeBytesMin = 256;
/** Of a table: two handles, padding that means nothing, and the magic number. */
const footerBytes = 48;

/**
 * Flips a bit in a file that the node of this data directory will read, anywhere that means something: in the newest file of Raft's log, or in a record or block
 * of the database's largest log or table. With `isInTheMiddle`, near the middle of the file. Null when there is no such file yet.
 */
export async function flipByte(
  dataDir: string,
  kind: FlipKind,
  random: () => number,
  isInTheMiddle = false,
): Promise<Flipped | null> {
  const isRaftLog = kind === "Raft log";
  const directory = join(dataDir, "db", isRaftLog ? "log" : "database");
  const { file, leftovers } = isRaftLog
    ? { file: await newestLogFile(directory), leftovers: [] }
    : await largestInDatabase(directory, kind);
  if (file === null) return null;
  const path = join(directory, file);
  const content = await readFile(path);
  if (content.length < sizeBytesMin) return null;
  const part = isInTheMiddle ? 0.5 : random();
  const position = positionIn(content, kind, part);
  content[position] = (content[position] ?? 0) ^ (1 << Math.floor(random() * 8));
  await writeFile(path, content, { flush: true });
  return { file, position, sizeBytes: content.length, leftovers };
}

async function largestInDatabase(directory: string, kind: ".log" | ".ldb") {
  const { tables, logs, leftovers } = await readDatabaseFiles(directory);
  const names = kind === ".log" ? logs : tables;
  return { file: await largestOf(directory, names, sizeBytesMin), leftovers };
}

function positionIn(content: Uint8Array, kind: FlipKind, part: number): number {
  if (kind === "Raft log") return Math.floor(endOfFrames(content) * part);
  return kind === ".log" ? inRecord(content, part) : inBlock(content, part);
}

/** For a report. */
export function describeFlip({ file, position, sizeBytes, leftovers }: Flipped): string {
  const passedOver = leftovers.length === 0 ? "" : `, ${leftovers.length} leftovers beside it`;
  return `byte ${position} of ${file} (${sizeBytes}${passedOver})`;
}

/** Between records there may be filling at the end of a block. */
function inRecord(content: Uint8Array, part: number): number {
  const wanted = Math.floor(content.length * part);
  const records = physicalRecords(content);
  const record = records.find(({ end }) => end > wanted) ?? records.at(-1);
  if (record === undefined) throw new Error("a log without records");
  return Math.min(Math.max(wanted, record.start), record.end - 1);
}

function inBlock(content: Uint8Array, part: number): number {
  return Math.floor((content.length - footerBytes) * part);
}
