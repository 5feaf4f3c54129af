import type { OutboundPublish } from "../session/session-api.ts";
import { ByteWriter, variableByteIntegerSize } from "./byte-writer.ts";
import type { WireForms } from "./message.ts";
import { type PacketSink, RESERVED_SIZE_BYTES_MAX } from "./packet-sink.ts";
import { DUP_FLAG, PacketType, RETAIN_FLAG } from "./packet-type.ts";
import type { ProtocolVersion } from "./packets.ts";
import { copyPayload, messageSizeOf, PassingMessage } from "./passing-message.ts";
import { propertiesSizeBytes, writeProperties } from "./publish-properties.ts";
import { TopicBytes } from "./topic-bytes.ts";

/**
 * A payload above this goes out by reference, behind a buffer with what precedes it; a smaller one
 * is copied.
 */
export const INLINE_PAYLOAD_SIZE_BYTES_MAX = 4096;

/** Of every message that was sent once; nobody writes into it. */
const noForms: WireForms = [];

/**
 * Encodes a PUBLISH. The result is shared between subscribers where their bytes are equal, so
 * nobody may write into it. A large payload comes as a list: head, payload.
 */
export function encodePublish(
  publish: OutboundPublish,
  version: ProtocolVersion,
): Buffer | Buffer[] {
  const isShareable = version !== 5 || isPlain(publish);
  const topics = new TopicBytes();
  const head = isShareable
    ? sharedHead(publish, version, topics)
    : encodeHead(publish, version, topics);
  const { message } = publish;
  return isByReference(messageSizeOf(message)) ? [head, message.payload] : head;
}

/**
 * Encodes a PUBLISH to the end of `sink`: as it came, where that is what the client gets. Else the first time straight, and from the
 * second subscriber on as a copy of the form that they share.
 */
export function writePublish(
  publish: OutboundPublish,
  version: ProtocolVersion,
  sink: PacketSink,
): void {
  const { message } = publish;
  const isShareable = version !== 5 || isPlain(publish);
  if (message.qos === 0 && isShareable && message instanceof PassingMessage) {
    if (message.isWrittenAs(version, publish.retain)) {
      sink.passOn(message.bytes, message.packetStart, message.packetEnd);
      return;
    }
  }
  const isShared = isShareable && message.wire !== null;
  message.wire ??= noForms;
  if (isShared) writeShared(publish, version, sink);
  else writeOwn(publish, version, sink);
}

function writeShared(publish: OutboundPublish, version: ProtocolVersion, sink: PacketSink): void {
  const form = sharedForm(publish, version, sink.topics);
  const { message } = publish;
  const isWithReference = isByReference(messageSizeOf(message));
  if (isWithReference || form.length > RESERVED_SIZE_BYTES_MAX) {
    sink.push(publish.qos === 0 ? form : patched(form, publish));
    if (isWithReference) sink.push(message.payload);
    return;
  }
  if (publish.qos === 0) {
    sink.share(form);
    return;
  }
  const at = sink.reserve(form.length);
  sink.bytes.set(form, at);
  patch(sink.bytes, at, publish);
}

function writeOwn(publish: OutboundPublish, version: ProtocolVersion, sink: PacketSink): void {
  const { message } = publish;
  const { topics } = sink;
  const remainingLength = remainingLengthOf(publish, version, topicSizeBytes(publish, topics));
  const sizeBytes = 1 + variableByteIntegerSize(remainingLength) + remainingLength;
  if (sizeBytes <= RESERVED_SIZE_BYTES_MAX) {
    const at = sink.reserve(sizeBytes);
    writeHead(new ByteWriter(sink.bytes, at), publish, version, topics, remainingLength);
    return;
  }
  sink.push(encodeHead(publish, version, topics));
  if (isByReference(messageSizeOf(message))) sink.push(message.payload);
}

/** The whole packet in bytes, as it counts for the Maximum Packet Size of the client. */
export function publishSizeBytes(publish: OutboundPublish, version: ProtocolVersion): number {
  const topicSize = publish.isTopicOmitted ? 0 : Buffer.byteLength(publish.message.topic);
  const remainingLength = remainingLengthOf(publish, version, topicSize);
  return 1 + variableByteIntegerSize(remainingLength) + remainingLength;
}

/** Nothing in it belongs to one subscriber or one moment, apart from packet identifier and DUP. */
function isPlain(publish: OutboundPublish): boolean {
  return (
    publish.topicAlias === 0 && publish.expirySecondsLeft < 0 && publish.identifiers.length === 0
  );
}

/** The form that all subscribers of this kind share; with an acknowledgement to come, it is copied and patched. */
function sharedForm(
  publish: OutboundPublish,
  version: ProtocolVersion,
  topics: TopicBytes,
): Buffer {
  const { message } = publish;
  if (message.wire === null || message.wire === noForms) message.wire = [];
  const slot = (version === 5 ? 4 : 0) + (publish.retain ? 2 : 0) + (publish.qos > 0 ? 1 : 0);
  let form = message.wire[slot];
  if (form === undefined) {
    form = encodeHead(publish, version, topics);
    message.wire[slot] = form;
  }
  return form;
}

function sharedHead(
  publish: OutboundPublish,
  version: ProtocolVersion,
  topics: TopicBytes,
): Buffer {
  const form = sharedForm(publish, version, topics);
  return publish.qos === 0 ? form : patched(form, publish);
}

/** A copy of a QoS > 0 form with its own flags and packet identifier. */
function patched(form: Buffer, publish: OutboundPublish): Buffer {
  const copy = Buffer.allocUnsafe(form.length);
  form.copy(copy);
  patch(copy, 0, publish);
  return copy;
}

function patch(bytes: Buffer, start: number, publish: OutboundPublish): void {
  bytes[start] = firstByte(publish);
  let at = start + 1;
  while (bytes[at]! >= 0x80) at += 1;
  at += 1;
  at += 2 + ((bytes[at]! << 8) | bytes[at + 1]!);
  bytes[at] = publish.packetId >> 8;
  bytes[at + 1] = publish.packetId;
}

function firstByte(publish: OutboundPublish): number {
  return (
    (PacketType.publish << 4) |
    (publish.dup ? DUP_FLAG : 0) |
    (publish.qos << 1) |
    (publish.retain ? RETAIN_FLAG : 0)
  );
}

/** Behind it the topic is in `topics`. */
function topicSizeBytes(publish: OutboundPublish, topics: TopicBytes): number {
  return publish.isTopicOmitted ? 0 : topics.encode(publish.message.topic);
}

function remainingLengthOf(
  publish: OutboundPublish,
  version: ProtocolVersion,
  topicSize: number,
): number {
  let sizeBytes = 2 + topicSize + messageSizeOf(publish.message);
  if (publish.qos > 0) sizeBytes += 2;
  if (version === 5) {
    const propertiesSize = propertiesSizeBytes(publish);
    sizeBytes += variableByteIntegerSize(propertiesSize) + propertiesSize;
  }
  return sizeBytes;
}

/** Everything, or everything but a large payload. */
function encodeHead(
  publish: OutboundPublish,
  version: ProtocolVersion,
  topics: TopicBytes,
): Buffer {
  const payloadSize = messageSizeOf(publish.message);
  const remainingLength = remainingLengthOf(publish, version, topicSizeBytes(publish, topics));
  const sizeBytes = 1 + variableByteIntegerSize(remainingLength) + remainingLength;
  const head = Buffer.allocUnsafe(isByReference(payloadSize) ? sizeBytes - payloadSize : sizeBytes);
  writeHead(new ByteWriter(head), publish, version, topics, remainingLength);
  return head;
}

function writeHead(
  writer: ByteWriter,
  publish: OutboundPublish,
  version: ProtocolVersion,
  topics: TopicBytes,
  remainingLength: number,
): void {
  const { message } = publish;
  writer.writeByte(firstByte(publish));
  writer.writeVariableByteInteger(remainingLength);
  const topicSize = topicSizeBytes(publish, topics);
  writer.writeUint16(topicSize);
  if (topicSize > 0) topics.copyTo(writer.bytes, writer.skip(topicSize));
  if (publish.qos > 0) writer.writeUint16(publish.packetId);
  if (version === 5) {
    writer.writeVariableByteInteger(propertiesSizeBytes(publish));
    writeProperties(writer, publish);
  }
  const payloadSize = messageSizeOf(message);
  if (isByReference(payloadSize)) return;
  copyPayload(message, writer.bytes, writer.skip(payloadSize));
}

function isByReference(payloadSizeBytes: number): boolean {
  return payloadSizeBytes > INLINE_PAYLOAD_SIZE_BYTES_MAX;
}
