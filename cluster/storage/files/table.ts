import { maskedCrc32c } from "./crc32c.ts";
import { ByteReader } from "./varint.ts";

/**
 * LevelDB's table format (its doc/table_format.md): blocks, each followed by a compression byte and a masked CRC-32C; a
 * footer of 48 bytes points to the block that lists the data blocks and to the one that lists the filters.
 */
const footerSizeBytes = 48;
const trailerSizeBytes = 5;
const magic = Buffer.from("57fb808b247547db", "hex");

interface BlockHandle {
  readonly offset: number;
  readonly sizeBytes: number;
}

/** Why the table is damaged, or `null`. LevelDB itself does not check block CRCs when it reads for us. */
export function damageOfTable(bytes: Buffer): string | null {
  try {
    if (bytes.length < footerSizeBytes) return "table too short";
    const footer = bytes.subarray(bytes.length - footerSizeBytes);
    if (!footer.subarray(footerSizeBytes - magic.length).equals(magic)) return "no table footer";
    const reader = new ByteReader(footer);
    let checkedSizeBytes = footerSizeBytes;
    for (const list of [readHandle(reader), readHandle(reader)]) {
      checkedSizeBytes += checkBlock(bytes, list);
      for (const handle of handlesIn(bytes.subarray(list.offset, list.offset + list.sizeBytes))) {
        checkedSizeBytes += checkBlock(bytes, handle);
      }
    }
    // Blocks stand one behind the other: a list that is not the one we wrote would leave some out.
    return checkedSizeBytes === bytes.length ? null : "blocks that no list names";
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
}

/** Answers how many bytes of the file the block takes. */
function checkBlock(bytes: Buffer, { offset, sizeBytes }: BlockHandle): number {
  const end = offset + sizeBytes;
  if (end + trailerSizeBytes > bytes.length) throw new RangeError("block beyond the end");
  if (maskedCrc32c(bytes, offset, end + 1) !== bytes.readUInt32LE(end + 1)) {
    throw new RangeError(`CRC mismatch in the block at ${offset}`);
  }
  return sizeBytes + trailerSizeBytes;
}

/** The values of a list block are handles; its keys do not matter here. We never write compressed tables. */
function handlesIn(block: Buffer): BlockHandle[] {
  const restarts = block.readUInt32LE(block.length - 4);
  const entriesEnd = block.length - 4 - restarts * 4;
  if (entriesEnd < 0) throw new RangeError("list block too short");
  const reader = new ByteReader(block.subarray(0, entriesEnd));
  const handles: BlockHandle[] = [];
  while (!reader.isAtEnd) {
    reader.varint();
    const keySizeBytes = reader.varint();
    reader.varint();
    reader.skip(keySizeBytes);
    handles.push(readHandle(reader));
  }
  return handles;
}

function readHandle(reader: ByteReader): BlockHandle {
  const offset = reader.varint();
  return { offset, sizeBytes: reader.varint() };
}
