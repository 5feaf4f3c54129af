import { damageOfLog, isTorn } from "./log-blocks.ts";
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

/**
 * Throws RangeError when an edit cannot be read. A torn last edit is left out, as LevelDB does; LevelDB also leaves out, without
 * a word, one whose length is damaged, and all edits behind it.
 */
export function readManifest(bytes: Buffer): LiveFiles {
  const live = { tables: new Set<number>(), logNumber: 0, previousLogNumber: 0 };
  const damage = damageOfLog(bytes, (edit) => {
    const reader = new ByteReader(edit);
    while (!reader.isAtEnd) applyField(reader, live);
  });
  if (damage !== null && !isTorn(bytes, damage)) {
    throw new RangeError(
      `damaged at byte ${damage.recordAt}, and not by a crash while it was written`,
    );
  }
  return live;
}

function applyField(
  reader: ByteReader,
  live: { tables: Set<number>; logNumber: number; previousLogNumber: number },
): void {
  const field = reader.varint();
  switch (field) {
    case tag.comparator:
      return reader.skipString();
    case tag.logNumber:
      live.logNumber = reader.varint();
      return;
    case tag.previousLogNumber:
      live.previousLogNumber = reader.varint();
      return;
    case tag.nextFileNumber:
    case tag.lastSequence:
      reader.varint();
      return;
    case tag.compactPointer:
      reader.varint();
      return reader.skipString();
    case tag.deletedFile:
      reader.varint();
      live.tables.delete(reader.varint());
      return;
    case tag.newFile:
      live.tables.add(readNewFile(reader));
      return;
    default:
      throw new RangeError(`unknown field ${field}`);
  }
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
