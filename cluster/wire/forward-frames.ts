import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { ControlKind, ForwardKind, frameVersion } from "./frame-kinds.ts";

/**
 * A batch is what one turn has for one peer: kind u8 | version u8 | flags u8 | seq u48 | (size and delivery varint | frame)*.
 * A transport delivers it whole or not at all, so that one number for the batch does for all frames in it.
 */
export const batchHeaderSizeBytes = 9;
/** Before a frame: its size times two, plus one when it is delivered at least once. */
export const recordHeaderSizeBytesMax = 5;

export const BatchFlag = {
  /** It was sent before on a link that is gone: the receiver skips what is delivered at most once. */
  resent: 1,
  /** The first one after the receiver said where it stands: a jump in seq is no gap. */
  resumed: 2,
} as const;

export interface BatchHeader {
  readonly flags: number;
  /** 1, 2, 3, ... for batches that must arrive; 0 for one that carries only frames delivered at most once. */
  readonly seq: number;
}

export function writeBatchHeader(buffer: Buffer, position: number, seq: number): void {
  buffer[position] = ForwardKind.batch;
  buffer[position + 1] = frameVersion;
  buffer[position + 2] = 0;
  buffer.writeUIntBE(seq, position + 3, 6);
}

/** The flags stand in the third byte, because they are known only when the batch leaves. */
export function batchFlags(batch: Uint8Array): number {
  return batch[2] as number;
}

export function setBatchFlags(batch: Uint8Array, flags: number): void {
  batch[2] = flags;
}

/** Writes a frame's header and the frame; answers where it ends. */
export function writeRecord(
  buffer: Buffer,
  position: number,
  frame: Uint8Array,
  isAtLeastOnce: boolean,
): number {
  let rest = frame.length * 2 + (isAtLeastOnce ? 1 : 0);
  while (rest > 0x7f) {
    buffer[position++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  buffer[position++] = rest;
  buffer.set(frame, position);
  return position + frame.length;
}

/** Null: malformed or of another version. */
export function readBatchHeader(batch: Uint8Array): BatchHeader | null {
  const reader = new ByteReader(batch);
  if (reader.u8() !== ForwardKind.batch || reader.u8() !== frameVersion) return null;
  const header = { flags: reader.u8(), seq: reader.u48() };
  return reader.isMalformed ? null : header;
}

/**
 * Calls `visit` with each frame, in order; the frame is a view on the batch. Answers false when the rest of the batch is
 * malformed. No object is made but the view, because this runs for every message between nodes.
 */
export function readRecords(
  batch: Uint8Array,
  visit: (frame: Uint8Array, isAtLeastOnce: boolean) => void,
): boolean {
  let position = batchHeaderSizeBytes;
  while (position < batch.length) {
    let value = 0;
    let shift = 0;
    let byte = 0x80;
    while (byte >= 0x80) {
      if (position >= batch.length || shift > 28) return false;
      byte = batch[position++] as number;
      value += (byte & 0x7f) * 2 ** shift;
      shift += 7;
    }
    const end = position + Math.floor(value / 2);
    if (end > batch.length) return false;
    visit(batch.subarray(position, end), value % 2 === 1);
    position = end;
  }
  return true;
}

/** How far a receiver is with the batches of one incarnation of the sender. */
export interface LanePosition {
  /** The sender's. */
  readonly incarnation: number;
  readonly lastSeq: number;
}

/** Confirms everything up to `lastSeq` while a link lasts. */
export function encodeForwardAck(position: LanePosition): Uint8Array {
  const writer = new ByteWriter(14).u8(ControlKind.forwardAck).u8(frameVersion);
  return writer.u48(position.incarnation).u48(position.lastSeq).finish();
}

/** Starts behind the kind. Null: malformed or of another version. */
export function decodeForwardAck(payload: Uint8Array): LanePosition | null {
  const reader = new ByteReader(payload);
  if (reader.u8() !== frameVersion) return null;
  const position = { incarnation: reader.u48(), lastSeq: reader.u48() };
  return reader.isMalformed ? null : position;
}

/** Why a receiver says where it stands. */
export const LaneStateReason = {
  /** A link opened. The other end answers with its own state: it may have spoken before anybody listened here. */
  opened: 0,
  /** The answer to that. */
  answer: 1,
  /** A batch is missing. */
  gap: 2,
} as const;
export type LaneStateReason = (typeof LaneStateReason)[keyof typeof LaneStateReason];

export interface LaneState extends LanePosition {
  readonly reason: LaneStateReason;
}

export function encodeLaneState(state: LaneState): Uint8Array {
  const writer = new ByteWriter(15).u8(ControlKind.laneState).u8(frameVersion).u8(state.reason);
  return writer.u48(state.incarnation).u48(state.lastSeq).finish();
}

/** As `decodeForwardAck`. */
export function decodeLaneState(payload: Uint8Array): LaneState | null {
  const reader = new ByteReader(payload);
  if (reader.u8() !== frameVersion) return null;
  const reason = reader.u8();
  const position = { incarnation: reader.u48(), lastSeq: reader.u48() };
  if (reader.isMalformed || reason > LaneStateReason.gap) return null;
  return { ...position, reason: reason as LaneStateReason };
}
