import { ClusterError } from "../errors.ts";
import type { NodeId } from "../node-id.ts";

/**
 * A batch of commands of one node: the unit that travels to the leader, stands in the log as one entry and is
 * deduplicated. Per-entry cost dominates in JavaScript, so everything a node proposes within a turn shares one.
 *
 * Layout: version u8 | origin 16 bytes | incarnation u32 | seq f64 | timeMs f64 | count u32 | (tag u8 | length u32 | bytes)*
 * The leader overwrites `timeMs` in place when it appends; nothing else changes on the way.
 */
export interface CommandBatch {
  readonly origin: NodeId;
  readonly incarnation: number;
  /** 1 for the first batch of an incarnation, then one more each. */
  readonly seq: number;
  readonly timeMs: number;
  readonly commands: readonly TaggedCommand[];
}

export const CommandTag = {
  /** Bytes for the state machine of the layer above. */
  application: 0,
  /** The origin's own member record (JSON): its addresses changed. */
  memberRecord: 1,
} as const;
export type CommandTag = (typeof CommandTag)[keyof typeof CommandTag];

export interface TaggedCommand {
  readonly tag: CommandTag;
  readonly bytes: Uint8Array;
}

const version = 1;
const timeOffset = 1 + 16 + 4 + 8;
const headerSizeBytes = timeOffset + 8 + 4;
const commandHeaderSizeBytes = 5;

export function batchSizeBytes(commands: readonly TaggedCommand[]): number {
  let sizeBytes = headerSizeBytes;
  for (const command of commands) sizeBytes += commandHeaderSizeBytes + command.bytes.byteLength;
  return sizeBytes;
}

export function encodeBatch(batch: CommandBatch): Buffer {
  const bytes = Buffer.allocUnsafe(batchSizeBytes(batch.commands));
  bytes[0] = version;
  bytes.write(batch.origin, 1, 16, "hex");
  bytes.writeUInt32BE(batch.incarnation, 17);
  bytes.writeDoubleBE(batch.seq, 21);
  bytes.writeDoubleBE(batch.timeMs, timeOffset);
  bytes.writeUInt32BE(batch.commands.length, timeOffset + 8);
  let offset = headerSizeBytes;
  for (const command of batch.commands) {
    bytes[offset] = command.tag;
    bytes.writeUInt32BE(command.bytes.byteLength, offset + 1);
    bytes.set(command.bytes, offset + commandHeaderSizeBytes);
    offset += commandHeaderSizeBytes + command.bytes.byteLength;
  }
  return bytes;
}

export interface BatchHeader {
  readonly origin: NodeId;
  readonly incarnation: number;
  readonly seq: number;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Throws ClusterError `frame-malformed`. */
export function readBatchHeader(bytes: Uint8Array): BatchHeader {
  const view = asBuffer(bytes);
  if (view.length < headerSizeBytes || view[0] !== version) throw malformed("header");
  const seq = view.readDoubleBE(21);
  if (!Number.isSafeInteger(seq) || seq < 1) throw malformed("seq");
  return { origin: view.toString("hex", 1, 17), incarnation: view.readUInt32BE(17), seq };
}

/** Walks the whole batch, without taking it apart. Throws ClusterError `frame-malformed` where `decodeBatch` would. */
export function checkBatch(bytes: Uint8Array): void {
  const view = asBuffer(bytes);
  readBatchHeader(view);
  const count = view.readUInt32BE(timeOffset + 8);
  let offset = headerSizeBytes;
  for (let i = 0; i < count; i++) offset = commandEnd(view, offset);
  if (offset !== view.length) throw malformed("trailing bytes");
}

/** Where the command at `offset` ends. */
function commandEnd(view: Buffer, offset: number): number {
  if (offset + commandHeaderSizeBytes > view.length) throw malformed("command header");
  const tag = view[offset];
  if (tag !== CommandTag.application && tag !== CommandTag.memberRecord) throw malformed("tag");
  const end = offset + commandHeaderSizeBytes + view.readUInt32BE(offset + 1);
  if (end > view.length) throw malformed("command length");
  return end;
}

/** A copy with the leader's time in it: the bytes on the link stay as they came. */
export function stampBatch(bytes: Uint8Array, timeMs: number): Buffer {
  const stamped = Buffer.from(bytes);
  stamped.writeDoubleBE(timeMs, timeOffset);
  return stamped;
}

/** Command bytes are views into `bytes`. Throws ClusterError `frame-malformed`. */
export function decodeBatch(bytes: Uint8Array): CommandBatch {
  const view = asBuffer(bytes);
  const header = readBatchHeader(view);
  const count = view.readUInt32BE(timeOffset + 8);
  const commands: TaggedCommand[] = [];
  let offset = headerSizeBytes;
  for (let i = 0; i < count; i++) {
    const end = commandEnd(view, offset);
    const tag = view[offset] as CommandTag;
    commands.push({ tag, bytes: view.subarray(offset + commandHeaderSizeBytes, end) });
    offset = end;
  }
  if (offset !== view.length) throw malformed("trailing bytes");
  return { ...header, timeMs: view.readDoubleBE(timeOffset), commands };
}

function malformed(where: string): ClusterError {
  return new ClusterError("frame-malformed", `command batch: ${where} is malformed`, { where });
}
