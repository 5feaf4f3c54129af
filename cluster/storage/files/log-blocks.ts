import { maskedCrc32c } from "./crc32c.ts";

/**
 * LevelDB's log format (its doc/log_format.md): blocks of 32 KiB filled with records
 * `masked crc32c | length (2, little-endian) | type | payload`; a write that does not fit is split.
 */
const blockSizeBytes = 32_768;
const headerSizeBytes = 7;
const full = 1;
const first = 2;
const last = 4;

/**
 * Offset of the first write that cannot be read, or `null` when the file is sound to its end. `visit` gets every write
 * before that, put together.
 */
export function damageOfLog(bytes: Buffer, visit?: (write: Buffer) => void): number | null {
  let parts: Buffer[] = [];
  let isInside = false;
  let startedAt = 0;
  let at = 0;
  while (at < bytes.length) {
    const left = blockSizeBytes - (at % blockSizeBytes);
    if (left < headerSizeBytes) {
      at += left;
      continue;
    }
    const type = validType(bytes, at);
    if (type === null) return isInside ? startedAt : at;
    const startsWrite = type === full || type === first;
    if (startsWrite === isInside) return isInside ? startedAt : at;
    if (startsWrite) startedAt = at;
    const end = at + headerSizeBytes + bytes.readUInt16LE(at + 4);
    isInside = type !== full && type !== last;
    if (visit !== undefined) {
      parts.push(bytes.subarray(at + headerSizeBytes, end));
      if (!isInside) {
        visit(parts.length === 1 ? parts[0]! : Buffer.concat(parts));
        parts = [];
      }
    }
    at = end;
  }
  return isInside ? startedAt : null;
}

/**
 * Does a write begin behind `damagedAt`? Writes are synced one after the other, so that only the last one in the file
 * can be torn by a crash: a sound beginning behind the damage proves that the damaged one was once whole. Every
 * offset is tried, because a damaged length leaves no other way to find the next record.
 */
export function hasWriteBehind(bytes: Buffer, damagedAt: number): boolean {
  for (let at = damagedAt + 1; at + headerSizeBytes <= bytes.length; at++) {
    const type = bytes[at + 6];
    if (type !== full && type !== first) continue;
    if (validType(bytes, at) !== null) return true;
  }
  return false;
}

/** The type of the record at `at`, or `null` when there is none or its CRC does not fit. */
function validType(bytes: Buffer, at: number): number | null {
  const blockEnd = at - (at % blockSizeBytes) + blockSizeBytes;
  const payloadAt = at + headerSizeBytes;
  if (payloadAt > Math.min(bytes.length, blockEnd)) return null;
  const end = payloadAt + bytes.readUInt16LE(at + 4);
  const type = bytes[at + 6]!;
  if (end > Math.min(bytes.length, blockEnd) || type < full || type > last) return null;
  return maskedCrc32c(bytes, at + 6, end) === bytes.readUInt32LE(at) ? type : null;
}
