import type { OutboundPublish } from "../session/session-api.ts";
import { ByteWriter, variableByteIntegerSize } from "./byte-writer.ts";
import { DUP_FLAG, PacketType, RETAIN_FLAG } from "./packet-type.ts";
import type { ProtocolVersion } from "./packets.ts";
import { propertiesSizeBytes, writeProperties } from "./publish-properties.ts";

/**
 * A payload above this goes out by reference, behind a buffer with what precedes it; a smaller one
 * is copied.
 */
export const INLINE_PAYLOAD_SIZE_BYTES_MAX = 4096;

/**
 * Encodes a PUBLISH. The result is shared between subscribers where their bytes are equal, so
 * nobody may write into it. A large payload comes as a list: head, payload.
 */
export function encodePublish(
  publish: OutboundPublish,
  version: ProtocolVersion,
): Buffer | Buffer[] {
  const isShareable = version !== 5 || isPlain(publish);
  const head = isShareable ? sharedHead(publish, version) : encodeHead(publish, version);
  const { payload } = publish.message;
  return payload.length > INLINE_PAYLOAD_SIZE_BYTES_MAX ? [head, payload] : head;
}

/** The whole packet in bytes, as it counts for the Maximum Packet Size of the client. */
export function publishSizeBytes(publish: OutboundPublish, version: ProtocolVersion): number {
  const remainingLength = remainingLengthOf(publish, version);
  return 1 + variableByteIntegerSize(remainingLength) + remainingLength;
}

/** Nothing in it belongs to one subscriber or one moment, apart from packet identifier and DUP. */
function isPlain(publish: OutboundPublish): boolean {
  return (
    publish.topicAlias === 0 && publish.expirySecondsLeft < 0 && publish.identifiers.length === 0
  );
}

/**
 * Takes the form that all subscribers of this kind share; with an acknowledgement to come, a copy
 * of it.
 */
function sharedHead(publish: OutboundPublish, version: ProtocolVersion): Buffer {
  const { slots } = publish.message.wire;
  const slot = (version === 5 ? 4 : 0) + (publish.retain ? 2 : 0) + (publish.qos > 0 ? 1 : 0);
  let form = slots[slot];
  if (form === undefined) {
    form = encodeHead(publish, version);
    slots[slot] = form;
  }
  return publish.qos === 0 ? form : patched(form, publish);
}

/** A copy of a QoS > 0 form with its own flags and packet identifier. */
function patched(form: Buffer, publish: OutboundPublish): Buffer {
  const copy = Buffer.allocUnsafe(form.length);
  form.copy(copy);
  copy[0] = firstByte(publish);
  let at = 1;
  while (copy[at]! >= 0x80) at += 1;
  at += 1;
  at += 2 + ((copy[at]! << 8) | copy[at + 1]!);
  copy[at] = publish.packetId >> 8;
  copy[at + 1] = publish.packetId;
  return copy;
}

function firstByte(publish: OutboundPublish): number {
  return (
    (PacketType.publish << 4) |
    (publish.dup ? DUP_FLAG : 0) |
    (publish.qos << 1) |
    (publish.retain ? RETAIN_FLAG : 0)
  );
}

function remainingLengthOf(publish: OutboundPublish, version: ProtocolVersion): number {
  let sizeBytes = 2 + publish.message.payload.length;
  if (!publish.isTopicOmitted) sizeBytes += Buffer.byteLength(publish.message.topic);
  if (publish.qos > 0) sizeBytes += 2;
  if (version === 5) {
    const propertiesSize = propertiesSizeBytes(publish);
    sizeBytes += variableByteIntegerSize(propertiesSize) + propertiesSize;
  }
  return sizeBytes;
}

/** Everything, or everything but a large payload. */
function encodeHead(publish: OutboundPublish, version: ProtocolVersion): Buffer {
  const { payload, topic } = publish.message;
  const remainingLength = remainingLengthOf(publish, version);
  const isInline = payload.length <= INLINE_PAYLOAD_SIZE_BYTES_MAX;
  const sizeBytes = 1 + variableByteIntegerSize(remainingLength) + remainingLength;
  const writer = new ByteWriter(isInline ? sizeBytes : sizeBytes - payload.length);
  writer.writeByte(firstByte(publish));
  writer.writeVariableByteInteger(remainingLength);
  writer.writeString(publish.isTopicOmitted ? "" : topic);
  if (publish.qos > 0) writer.writeUint16(publish.packetId);
  if (version === 5) {
    writer.writeVariableByteInteger(propertiesSizeBytes(publish));
    writeProperties(writer, publish);
  }
  if (isInline) writer.writeBytes(payload);
  return writer.bytes;
}
