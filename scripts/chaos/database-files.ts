import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";

/**
 * A reading of LevelDB's files that shares nothing with the one in the product, so that damage can be done, and judged, without
 * believing the product. After doc/log_format.md, doc/impl.md and the list of tags of a version edit; no checksum is looked at,
 * since the files are sound when they are read.
 */
export interface DatabaseFiles {
  /** Names, of the tables that the manifest lists and that are there. */
  readonly tables: readonly string[];
  /** Of the logs that will be replayed. */
  readonly logs: readonly string[];
  /** Of tables and logs that a kill left behind; the database removes them unread when it opens. */
  readonly leftovers: readonly string[];
  readonly manifest: string;
}

/** One physical record of a log or manifest: its header begins at `start`, its payload ends before `end`. */
export interface PhysicalRecord {
  readonly start: number;
  readonly end: number;
  /** 1 all of a write, 2 its beginning, 3 a part in between, 4 its end. */
  readonly kind: number;
}

const blockBytes = 1 << 15;
const headerBytes = 7;

export function physicalRecords(file: Uint8Array): PhysicalRecord[] {
  const records: PhysicalRecord[] = [];
  for (let start = 0; start + headerBytes <= file.length; ) {
    const inBlock = blockBytes - (start % blockBytes);
    if (inBlock < headerBytes) {
      start += inBlock;
      continue;
    }
    const sizeBytes = (file[start + 4] ?? 0) + 256 * (file[start + 5] ?? 0);
    const kind = file[start + 6] ?? 0;
    const end = start + headerBytes + sizeBytes;
    if (kind === 0 || end > file.length) break;
    records.push({ start, end, kind });
    start = end;
  }
  return records;
}

export async function readDatabaseFiles(directory: string): Promise<DatabaseFiles> {
  const manifest = (await readFile(join(directory, "CURRENT"), "utf8")).replace(/\n$/, "");
  const edits = writesOf(await readFile(join(directory, manifest)));
  const { tables, logNumber, previousLogNumber } = versionAfter(edits);
  const files = (await readdir(directory)).filter((name) => /^\d+\.(ldb|log)$/.test(name)).sort();
  const isUsed = (name: string): boolean => {
    const number = Number.parseInt(name, 10);
    if (name.endsWith(".ldb")) return tables.has(number);
    return number >= logNumber || (number === previousLogNumber && number > 0);
  };
  const used = files.filter(isUsed);
  return {
    tables: used.filter((name) => name.endsWith(".ldb")),
    logs: used.filter((name) => name.endsWith(".log")),
    leftovers: files.filter((name) => !used.includes(name)),
    manifest,
  };
}

/** Of these files of a directory, the largest; null when there is none of at least `sizeBytesMin`. */
export async function largestOf(
  directory: string,
  names: readonly string[],
  sizeBytesMin: number,
): Promise<string | null> {
  let largest: { readonly name: string; readonly sizeBytes: number } | null = null;
  for (const name of names) {
    const { size } = await stat(join(directory, name));
    if (size >= Math.max(sizeBytesMin, largest?.sizeBytes ?? 0))
      largest = { name, sizeBytes: size };
  }
  return largest?.name ?? null;
}

function writesOf(file: Uint8Array): Uint8Array[] {
  const writes: Uint8Array[] = [];
  let parts: Uint8Array[] = [];
  for (const { start, end, kind } of physicalRecords(file)) {
    parts.push(file.subarray(start + headerBytes, end));
    if (kind === 2 || kind === 3) continue;
    writes.push(Buffer.concat(parts));
    parts = [];
  }
  return writes;
}

/** Tables are kept by level and number, since an edit may move one from a level to another. */
function versionAfter(edits: readonly Uint8Array[]) {
  const places = new Set<string>();
  const numbers = { log: 0, previousLog: 0 };
  for (const edit of edits) applyEdit(new EditReader(edit), places, numbers);
  const tables = new Set([...places].map((place) => Number(place.split("/")[1])));
  return { tables, logNumber: numbers.log, previousLogNumber: numbers.previousLog };
}

function applyEdit(
  edit: EditReader,
  places: Set<string>,
  numbers: { log: number; previousLog: number },
): void {
  const added: string[] = [];
  while (!edit.isAtEnd) {
    const tag = edit.number();
    if (tag === 1) edit.skipString();
    else if (tag === 2) numbers.log = edit.number();
    else if (tag === 3 || tag === 4) edit.number();
    else if (tag === 5) [edit.number(), edit.skipString()];
    else if (tag === 6) places.delete(`${edit.number()}/${edit.number()}`);
    else if (tag === 7) {
      added.push(`${edit.number()}/${edit.number()}`);
      [edit.number(), edit.skipString(), edit.skipString()];
    } else if (tag === 9) numbers.previousLog = edit.number();
    else throw new Error(`a version edit has the unknown tag ${tag}`);
  }
  for (const place of added) places.add(place);
}

class EditReader {
  readonly #edit: Uint8Array;
  #at = 0;

  constructor(edit: Uint8Array) {
    this.#edit = edit;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#edit.length;
  }

  /** Seven bits a byte, the lowest first. */
  number(): number {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.#edit[this.#at++];
      if (byte === undefined) throw new Error("a version edit ends within a number");
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return Number(value);
    }
  }

  skipString(): void {
    const sizeBytes = this.number();
    this.#at += sizeBytes;
  }
}
