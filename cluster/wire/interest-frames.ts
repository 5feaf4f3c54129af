import type { InterestChange } from "../cluster-api.ts";
import type { Digest } from "../gossip/digest.ts";
import type { NodeId } from "../node-id.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { ControlKind, frameVersion } from "./frame-kinds.ts";

/**
 * Frames of the interest gossip. Encoders of control frames write the kind first; decoders start behind it, at the version,
 * and answer null for what is malformed or of another version.
 */

/** Operations `fromSeq`, `fromSeq` + 1, ... of `origin`, in order. */
export interface InterestDelta {
  readonly origin: NodeId;
  readonly incarnation: number;
  readonly fromSeq: number;
  readonly operations: readonly InterestChange[];
}

/** How far a node's own table is. */
export interface InterestPosition {
  readonly incarnation: number;
  readonly seq: number;
  readonly count: number;
  readonly digest: Digest;
}

/** The receiver holds everything up to `seq` of that incarnation. */
export interface InterestAck {
  readonly incarnation: number;
  readonly seq: number;
}

/** Encodes one delta as frames of about `sizeBytesMax`; the same bytes serve as control frames and as broadcasts. */
export function encodeInterestDelta(delta: InterestDelta, sizeBytesMax: number): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let start = 0; start < delta.operations.length; ) {
    const writer = new ByteWriter(512)
      .u8(ControlKind.interestDelta)
      .u8(frameVersion)
      .nodeId(delta.origin)
      .u48(delta.incarnation)
      .u48(delta.fromSeq + start);
    start = writeChanges(writer, delta.operations, start, sizeBytesMax);
    frames.push(writer.finish());
  }
  return frames;
}

export function decodeInterestDelta(payload: Uint8Array): InterestDelta | null {
  const reader = new ByteReader(payload);
  if (reader.u8() !== frameVersion) return null;
  const origin = reader.nodeId();
  const incarnation = reader.u48();
  const fromSeq = reader.u48();
  const operations = readChanges(reader);
  return reader.isMalformed ? null : { origin, incarnation, fromSeq, operations };
}

export function encodeInterestAck(ack: InterestAck): Uint8Array {
  const writer = new ByteWriter(14).u8(ControlKind.interestAck).u8(frameVersion);
  return writer.u48(ack.incarnation).u48(ack.seq).finish();
}

export function decodeInterestAck(payload: Uint8Array): InterestAck | null {
  const reader = new ByteReader(payload);
  if (reader.u8() !== frameVersion) return null;
  const ack = { incarnation: reader.u48(), seq: reader.u48() };
  return reader.isMalformed ? null : ack;
}

/** Without a kind: it travels inside a ping, or behind `ControlKind.interestDigest` when a link opens. */
export function encodeInterestPosition(position: InterestPosition): Uint8Array {
  return new ByteWriter(25)
    .u8(frameVersion)
    .u48(position.incarnation)
    .u48(position.seq)
    .u32(position.count)
    .u32(position.digest.high)
    .u32(position.digest.low)
    .finish();
}

export function decodeInterestPosition(payload: Uint8Array): InterestPosition | null {
  const reader = new ByteReader(payload);
  if (reader.u8() !== frameVersion) return null;
  const position = {
    incarnation: reader.u48(),
    seq: reader.u48(),
    count: reader.u32(),
    digest: { high: reader.u32(), low: reader.u32() },
  };
  return reader.isMalformed ? null : position;
}

/**
 * Writes a count and as many changes from `start` as fit before the frame exceeds `sizeBytesMax`, at least one.
 * Answers where to go on.
 */
export function writeChanges(
  writer: ByteWriter,
  changes: readonly InterestChange[],
  start: number,
  sizeBytesMax: number,
): number {
  const countPosition = writer.sizeBytes;
  writer.u32(0);
  let end = start;
  while (end < changes.length) {
    const { key, weight } = changes[end] as InterestChange;
    // 3 bytes per UTF-16 unit at most, 5 per varint.
    const isOver = writer.sizeBytes + key.length * 3 + 10 > sizeBytesMax;
    if (isOver && end > start) break;
    writer.text(key).varint(weight);
    end += 1;
  }
  writer.patchU32(countPosition, end - start);
  return end;
}

export function readChanges(reader: ByteReader): InterestChange[] {
  const count = reader.u32();
  const changes: InterestChange[] = [];
  for (let i = 0; i < count && !reader.isMalformed; i += 1) {
    const key = reader.text();
    const weight = reader.varint();
    changes.push({ key, weight });
  }
  return changes;
}
