import { hasUnwrittenSector } from "../unwritten.ts";
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

/** Where a log cannot be read any more. */
export interface LogDamage {
  /** Where the first write begins that cannot be read. */
  readonly writeAt: number;
  /** The record of it that is damaged; the end of the file when the rest of the write is missing. */
  readonly recordAt: number;
}

/** `null` when the file is sound to its end. `visit` gets every write before the damaged one, put together. */
export function damageOfLog(bytes: Buffer, visit?: (write: Buffer) => void): LogDamage | null {
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
    const startsWrite = type === full || type === first;
    if (type === null || startsWrite === isInside) {
      return { writeAt: isInside ? startedAt : at, recordAt: at };
    }
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
  return isInside ? { writeAt: startedAt, recordAt: bytes.length } : null;
}

/**
 * Is the damage what a crash in the middle of the last write leaves behind? Nobody was told that such a write is durable; one
 * that was whole may have been acknowledged, and losing it in silence would be forgetting a promise. A killed process leaves
 * a file that ends within the record. A power loss may also leave sectors that were never written, which read as zeros. A
 * record that is all there, with a checksum that does not fit, was whole once.
 */
export function isTorn(bytes: Buffer, { writeAt, recordAt }: LogDamage): boolean {
  if (hasWriteBehind(bytes, writeAt)) return false;
  const payloadAt = recordAt + headerSizeBytes;
  if (payloadAt > bytes.length || hasUnwrittenSector(bytes, recordAt)) return true;
  const end = payloadAt + bytes.readUInt16LE(recordAt + 4);
  if (end <= bytes.length || end > blockEndOf(recordAt)) return false;
  // The checksum does not cover the length: when it fits what is there, only the length is wrong.
  return maskedCrc32c(bytes, recordAt + 6, bytes.length) !== bytes.readUInt32LE(recordAt);
}

/**
 * Does a write begin behind `damagedAt`? Writes are synced one after the other, so that only the last one in the file
 * can be torn by a crash: a sound beginning behind the damage proves that the damaged one was once whole. Every
 * offset is tried, because a damaged length leaves no other way to find the next record.
 */
function hasWriteBehind(bytes: Buffer, damagedAt: number): boolean {
  for (let at = damagedAt + 1; at + headerSizeBytes <= bytes.length; at++) {
    const type = bytes[at + 6];
    if (type !== full && type !== first) continue;
    if (validType(bytes, at) !== null) return true;
  }
  return false;
}

/** The type of the record at `at`, or `null` when there is none or its CRC does not fit. */
function validType(bytes: Buffer, at: number): number | null {
  const blockEnd = blockEndOf(at);
  const payloadAt = at + headerSizeBytes;
  if (payloadAt > Math.min(bytes.length, blockEnd)) return null;
  const end = payloadAt + bytes.readUInt16LE(at + 4);
  const type = bytes[at + 6]!;
  if (end > Math.min(bytes.length, blockEnd) || type < full || type > last) return null;
  return maskedCrc32c(bytes, at + 6, end) === bytes.readUInt32LE(at) ? type : null;
}

function blockEndOf(at: number): number {
  return at - (at % blockSizeBytes) + blockSizeBytes;
}
