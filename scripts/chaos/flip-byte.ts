import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { largestOf, physicalRecords, readDatabaseFiles } from "./database-files.ts";

export type FlipKind = ".log" | ".ldb";

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
 * Flips a bit in the largest log or table that the database will read, anywhere that means something: in a record of a log, in
 * a block of a table. With `isInTheMiddle`, near the middle of the file. Null when there is no such file yet.
 */
export async function flipByte(
  directory: string,
  kind: FlipKind,
  random: () => number,
  isInTheMiddle = false,
): Promise<Flipped | null> {
  const { tables, logs, leftovers } = await readDatabaseFiles(directory);
  const file = await largestOf(directory, kind === ".log" ? logs : tables, sizeBytesMin);
  if (file === null) return null;
  const path = join(directory, file);
  const content = await readFile(path);
  const part = isInTheMiddle ? 0.5 : random();
  const position = kind === ".log" ? inRecord(content, part) : inBlock(content, part);
  content[position] = (content[position] ?? 0) ^ (1 << Math.floor(random() * 8));
  await writeFile(path, content, { flush: true });
  return { file, position, sizeBytes: content.length, leftovers };
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
