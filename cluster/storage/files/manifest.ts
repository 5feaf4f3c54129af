import { scanLog } from "./log-blocks.ts";
import { ByteReader } from "./varint.ts";

/** The files that make up the database; others are leftovers that LevelDB removes when it opens. */
export interface LiveFiles {
  readonly tables: ReadonlySet<number>;
  /** Logs with this number or a higher one, or the previous one, are replayed. */
  readonly logNumber: number;
  readonly previousLogNumber: number;
}

/** Fields of a version edit (LevelDB's db/version_edit.cc). */
const tag = {
  comparator: 1,
  logNumber: 2,
  nextFileNumber: 3,
  lastSequence: 4,
  compactPointer: 5,
  deletedFile: 6,
  newFile: 7,
  previousLogNumber: 9,
} as const;

/** Throws RangeError when an edit cannot be read. A torn last edit is left out, as LevelDB does. */
export function readManifest(bytes: Buffer): LiveFiles {
  const tables = new Set<number>();
  let logNumber = 0;
  let previousLogNumber = 0;
  for (const edit of scanLog(bytes).writes) {
    const reader = new ByteReader(edit);
    while (!reader.isAtEnd) {
      const field = reader.varint();
      switch (field) {
        case tag.comparator:
          reader.skipString();
          break;
        case tag.logNumber:
          logNumber = reader.varint();
          break;
        case tag.previousLogNumber:
          previousLogNumber = reader.varint();
          break;
        case tag.nextFileNumber:
        case tag.lastSequence:
          reader.varint();
          break;
        case tag.compactPointer:
          reader.varint();
          reader.skipString();
          break;
        case tag.deletedFile:
          reader.varint();
          tables.delete(reader.varint());
          break;
        case tag.newFile:
          tables.add(readNewFile(reader));
          break;
        default:
          throw new RangeError(`unknown field ${field}`);
      }
    }
  }
  return { tables, logNumber, previousLogNumber };
}

/** Level, number, size, smallest and largest key; the number counts. */
function readNewFile(reader: ByteReader): number {
  reader.varint();
  const number = reader.varint();
  reader.varint();
  reader.skipString();
  reader.skipString();
  return number;
}
