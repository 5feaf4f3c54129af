import { crc32 } from "node:zlib";
import { hasUnwrittenSector } from "../unwritten.ts";

/**
 * What one synced write puts into a log file, big-endian:
 *
 *     0 crc32 of bytes 4 to 20, begun with the file's salt | 4 crc32 of the body | 8 size of the body | 12 sequence (6 bytes)
 *     18 zero | 20 body: parts, each `kind (1) | size (4) | content`
 *
 * `sequence` counts the batches of the log, from file to file. Nobody who chooses payloads knows the salt, so that none can pass
 * for a frame.
 */
const bodyCrcAt = 4;
const sizeAt = 8;
const sequenceAt = 12;
const sequenceSizeBytes = 6;
const zeroAt = 18;
export const frameHeaderSizeBytes = 20;
export const partHeaderSizeBytes = 5;

export const PartKind = {
  /** What the log is where the file begins: JSON, the first part of each file. */
  start: 1,
  /** Raft's hard state: JSON. */
  hardState: 2,
  /** A log entry: see record.ts. One at an index that the log has already replaces it and all behind it. */
  entry: 3,
} as const;
export type PartKind = (typeof PartKind)[keyof typeof PartKind];

const knownKinds: ReadonlySet<number> = new Set(Object.values(PartKind));

export interface Part {
  readonly kind: PartKind;
  readonly content: Buffer;
}

export interface Frame {
  readonly sequence: number;
  readonly parts: readonly Part[];
  /** Where the next one begins. */
  readonly end: number;
}

export function encodeFrame(parts: readonly Part[], sequence: number, salt: number): Buffer {
  let sizeBytes = frameHeaderSizeBytes;
  for (const { content } of parts) sizeBytes += partHeaderSizeBytes + content.byteLength;
  const frame = Buffer.allocUnsafe(sizeBytes);
  let at = frameHeaderSizeBytes;
  for (const { kind, content } of parts) {
    frame[at] = kind;
    frame.writeUInt32BE(content.byteLength, at + 1);
    frame.set(content, at + partHeaderSizeBytes);
    at += partHeaderSizeBytes + content.byteLength;
  }
  frame.writeUInt32BE(crc32(frame.subarray(frameHeaderSizeBytes)), bodyCrcAt);
  frame.writeUInt32BE(sizeBytes - frameHeaderSizeBytes, sizeAt);
  frame.writeUIntBE(sequence, sequenceAt, sequenceSizeBytes);
  frame.writeUInt16BE(0, zeroAt);
  frame.writeUInt32BE(headerCrc(frame, 0, salt), 0);
  return frame;
}

/** `null` when no sound frame begins at `at`. Its parts share memory with `bytes`. */
export function readFrame(bytes: Buffer, at: number, salt: number): Frame | null {
  if (!hasHeader(bytes, at, salt)) return null;
  const bodyAt = at + frameHeaderSizeBytes;
  const end = bodyAt + bytes.readUInt32BE(at + sizeAt);
  if (end > bytes.length) return null;
  if (crc32(bytes.subarray(bodyAt, end)) !== bytes.readUInt32BE(at + bodyCrcAt)) return null;
  const parts = partsOf(bytes.subarray(bodyAt, end));
  if (parts === null) return null;
  return { sequence: bytes.readUIntBE(at + sequenceAt, sequenceSizeBytes), parts, end };
}

/**
 * Is what stands at `at`, where no sound frame begins, what a crash in the middle of the last write leaves behind? Nobody was told that such
 * a write is durable. A killed process leaves a file that ends within the frame; a power loss may also leave sectors that were never
 * written. A frame that is all there, with a checksum that does not fit, was whole once and perhaps acknowledged; and writes
 * are synced one after the other, so that a sound header behind it proves the same.
 */
export function isTorn(bytes: Buffer, at: number, salt: number): boolean {
  if (hasHeaderBehind(bytes, at, salt)) return false;
  if (at + frameHeaderSizeBytes > bytes.length || hasUnwrittenSector(bytes, at)) return true;
  if (!hasHeader(bytes, at, salt)) return false;
  return at + frameHeaderSizeBytes + bytes.readUInt32BE(at + sizeAt) > bytes.length;
}

/** Every offset is tried: a damaged header leaves no other way to find the next one. */
function hasHeaderBehind(bytes: Buffer, damagedAt: number, salt: number): boolean {
  for (let at = damagedAt + 1; at + frameHeaderSizeBytes <= bytes.length; at++) {
    if (hasHeader(bytes, at, salt)) return true;
  }
  return false;
}

function hasHeader(bytes: Buffer, at: number, salt: number): boolean {
  if (at + frameHeaderSizeBytes > bytes.length) return false;
  // First what costs nothing to compare.
  if (bytes[at + zeroAt] !== 0 || bytes[at + zeroAt + 1] !== 0) return false;
  return bytes.readUInt32BE(at) === headerCrc(bytes, at, salt);
}

function headerCrc(bytes: Buffer, at: number, salt: number): number {
  return crc32(bytes.subarray(at + bodyCrcAt, at + frameHeaderSizeBytes), salt);
}

function partsOf(body: Buffer): Part[] | null {
  const parts: Part[] = [];
  let at = 0;
  while (at < body.length) {
    const contentAt = at + partHeaderSizeBytes;
    if (contentAt > body.length) return null;
    const kind = body[at]!;
    const end = contentAt + body.readUInt32BE(at + 1);
    if (end > body.length || !knownKinds.has(kind)) return null;
    parts.push({ kind: kind as PartKind, content: body.subarray(contentAt, end) });
    at = end;
  }
  return parts;
}
