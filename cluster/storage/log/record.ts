import { hash } from "node:crypto";
import { crc32 } from "node:zlib";
import { type Entry, EntryType, type GroupId, type LogIndex } from "../../raft/types.ts";

/**
 * A log entry on disk, big-endian:
 *
 *     0 crc32 of everything behind it | 4 version | 5 type | 6 zero | 8 group | 12 term | 20 index
 *     28 chain (16 bytes) | 44 payload
 *
 * `chain` is the first half of SHA-256 over the record with the predecessor's chain in that place: the record
 * vouches for every record before it, so that one taken from another history is noticed as well as a flipped bit.
 */
const crcEnd = 4;
const versionAt = 4;
const typeAt = 5;
const groupAt = 8;
const termAt = 12;
const indexAt = 20;
const chainAt = 28;
const headerSizeBytes = 44;
const recordVersion = 1;

export const chainSizeBytes = 16;

/** The chain before the first entry of a log. */
export const chainStart: Uint8Array = new Uint8Array(chainSizeBytes);

const knownTypes: ReadonlySet<number> = new Set(Object.values(EntryType));

export interface LogRecord {
  readonly group: GroupId;
  readonly entry: Entry;
  readonly chain: Buffer;
}

export type DecodedLogRecord = LogRecord | { readonly reason: string };

/** The record of `entry`, whose predecessor has the chain `previous`. Copies the payload. */
export function encodeLogRecord(group: GroupId, entry: Entry, previous: Uint8Array): Buffer {
  const record = Buffer.allocUnsafe(headerSizeBytes + entry.data.byteLength);
  record[versionAt] = recordVersion;
  record[typeAt] = entry.type;
  record.writeUInt16BE(0, 6);
  record.writeUInt32BE(group, groupAt);
  writeInteger(record, entry.term, termAt);
  writeInteger(record, entry.index, indexAt);
  record.set(previous, chainAt);
  record.set(entry.data, headerSizeBytes);
  record.write(chainOf(record), chainAt, chainSizeBytes, "latin1");
  record.writeUInt32BE(crc32(record.subarray(crcEnd)), 0);
  return record;
}

/** Checks CRC and chain, which is believed where `previous` is not known: null. The entry's data shares memory with `record`. */
export function decodeLogRecord(record: Buffer, previous: Uint8Array | null): DecodedLogRecord {
  if (record.byteLength < headerSizeBytes) return { reason: "record too short" };
  if (crc32(record.subarray(crcEnd)) !== record.readUInt32BE(0)) return { reason: "CRC mismatch" };
  if (record[versionAt] !== recordVersion) return { reason: "unknown record version" };
  const type = record[typeAt]!;
  if (!knownTypes.has(type)) return { reason: "unknown entry type" };
  const chain = Buffer.from(chainInRecord(record));
  if (previous !== null && chain.toString("latin1") !== chainBehind(record, previous)) {
    return { reason: "chain mismatch" };
  }
  return {
    group: record.readUInt32BE(groupAt),
    entry: {
      term: readInteger(record, termAt),
      index: readInteger(record, indexAt),
      type: type as EntryType,
      data: record.subarray(headerSizeBytes),
    },
    chain,
  };
}

/** Null when the record is too short to have one. */
export function indexInRecord(record: Buffer): LogIndex | null {
  return record.byteLength < headerSizeBytes ? null : readInteger(record, indexAt);
}

export function chainInRecord(record: Buffer): Buffer {
  return record.subarray(chainAt, chainAt + chainSizeBytes);
}

/** Leaves the record as it was. */
function chainBehind(record: Buffer, previous: Uint8Array): string {
  const chain = Buffer.from(chainInRecord(record));
  record.set(previous, chainAt);
  const expected = chainOf(record);
  record.set(chain, chainAt);
  return expected;
}

/** One character for each byte: a digest as a buffer has memory of its own, which costs several times as much as the hash. */
function chainOf(record: Buffer): string {
  return hash("sha256", record.subarray(crcEnd), "binary").slice(0, chainSizeBytes);
}

/** Two halves instead of BigInt, which costs an allocation per field. */
function writeInteger(target: Buffer, value: number, offset: number): void {
  target.writeUInt32BE(Math.floor(value / 0x1_0000_0000), offset);
  target.writeUInt32BE(value % 0x1_0000_0000, offset + 4);
}

function readInteger(source: Buffer, offset: number): number {
  return source.readUInt32BE(offset) * 0x1_0000_0000 + source.readUInt32BE(offset + 4);
}
