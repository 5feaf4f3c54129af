import { cp, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLevel } from "../../../cluster/storage/level-open.ts";

export interface Bodies {
  /** Bodies that were found in records of the state, beside the log. */
  readonly different: number;
  /** The most records that hold the same one. */
  readonly copiesMax: number;
  /** Bodies in the files of the log. */
  readonly inLog: number;
}

/** Every body starts with it, and its number. */
const bodyMark = "the body of message ";
const bodyPattern = new RegExp(`${bodyMark}(\\d{8})`, "g");

/** Never the same for two messages, nor compressible. */
export function bodyOf(message: number, sizeBytes: number, random: () => number): Buffer {
  const body = Buffer.from(Array.from({ length: sizeBytes }, () => Math.floor(random() * 256)));
  body.write(`${bodyMark}${String(message).padStart(8, "0")}`);
  return body;
}

/** How often each body stands in the database of a node that does not run. Reads a copy, because opening it writes. */
export async function bodiesIn(dataDir: string): Promise<Bodies> {
  const copy = await mkdtemp(join(tmpdir(), "flockmq-bodies-"));
  try {
    await cp(dataDir, copy, { recursive: true });
    const { different, copiesMax } = await countBodies(join(copy, "db", "database"));
    return { different, copiesMax, inLog: await countInLog(join(copy, "db", "log")) };
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

async function countInLog(directory: string): Promise<number> {
  let count = 0;
  for (const name of await readdir(directory)) {
    const content = await readFile(join(directory, name), "latin1");
    count += [...content.matchAll(bodyPattern)].length;
  }
  return count;
}

async function countBodies(directory: string): Promise<Omit<Bodies, "inLog">> {
  const copies = new Map<string, number>();
  const database = await openLevel(directory);
  try {
    for await (const [, value] of database.iterator({ gte: "", lt: "\u{10ffff}" })) {
      if (!value.includes(bodyMark)) continue;
      for (const [, number = ""] of value.toString("latin1").matchAll(bodyPattern)) {
        copies.set(number, (copies.get(number) ?? 0) + 1);
      }
    }
  } finally {
    await database.close();
  }
  const copiesMax = Math.max(0, ...copies.values());
  return { different: copies.size, copiesMax };
}

/** Of all files, in bytes. */
export async function directorySizeBytes(directory: string): Promise<number> {
  let sum = 0;
  for (const name of await readdir(directory, { recursive: true })) {
    // A file may go while the database compacts.
    const found = await stat(join(directory, name)).catch(() => null);
    if (found?.isFile() === true) sum += found.size;
  }
  return sum;
}
