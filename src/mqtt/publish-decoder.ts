import type { Cursor } from "./cursor.ts";
import { MqttError, malformed, protocolError } from "./errors.ts";
import { DUP_FLAG, PacketType, RETAIN_FLAG } from "./packet-type.ts";
import type { ProtocolVersion, PublishProperties, Qos } from "./packets.ts";
import { readProperties } from "./property-reader.ts";
import { ReasonCode } from "./reason-code.ts";
import type { ReceivedPublish } from "./received-publish.ts";
import { exceedsLevels, topicNameProblem } from "./topic.ts";
import { decodeStrictly } from "./utf8.ts";

/**
 * The fast path for PUBLISH: everything after the fixed header, whose flags are checked already. The result is the cursor's own, and
 * another packet after the next call.
 * @throws MqttError 0x81, 0x82, 0x90 or 0x94
 */
export function decodePublish(
  cursor: Cursor,
  firstByte: number,
  version: ProtocolVersion,
): ReceivedPublish {
  const qos = ((firstByte >> 1) & 0x03) as Qos;
  const dup = (firstByte & DUP_FLAG) !== 0;
  const retain = (firstByte & RETAIN_FLAG) !== 0;
  const topic = cursor.readTopicName(decodeTopicName);
  // [MQTT-2.2.1-2]
  const messageId = qos > 0 ? readPacketId(cursor) : undefined;
  const properties = version === 5 ? (readPublishProperties(cursor) ?? undefined) : undefined;
  if (topic.length === 0 && properties?.topicAlias === undefined) {
    // Section 3.3.2.1 and [MQTT-4.7.3-1]
    throw protocolError("PUBLISH without a topic name");
  }
  const { publish } = cursor;
  publish.topic = topic;
  publish.qos = qos;
  publish.dup = dup;
  publish.retain = retain;
  publish.messageId = messageId;
  publish.properties = properties;
  cursor.leavePayload();
  return publish;
}

/** [MQTT-2.2.1-3] and [MQTT-2.2.1-4] A packet identifier is never 0. */
export function readPacketId(cursor: Cursor): number {
  const packetId = cursor.readUint16();
  if (packetId === 0) throw protocolError("packet identifier 0");
  return packetId;
}

function readPublishProperties(cursor: Cursor): PublishProperties | null {
  return readProperties(cursor, PacketType.publish);
}

const HASH = 0x23;
const PLUS = 0x2b;

function decodeTopicName(bytes: Buffer, start: number, end: number): string {
  let isAscii = true;
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at]!;
    // [MQTT-3.3.2-2]
    if (byte === HASH || byte === PLUS) {
      throw new MqttError(ReasonCode.topicNameInvalid, "PUBLISH to a topic name with a wildcard");
    }
    // [MQTT-4.7.3-2]
    if (byte === 0) throw malformed("a topic name contains the null character");
    if (byte >= 0x80) isAscii = false;
  }
  // [MQTT-3.3.2-1]
  const topic = isAscii
    ? bytes.toString("latin1", start, end)
    : decodeStrictly(bytes.subarray(start, end));
  if (exceedsLevels(topic)) {
    throw new MqttError(
      ReasonCode.topicNameInvalid,
      "PUBLISH to a topic name with too many levels",
    );
  }
  return topic;
}

/** For the topic inside a Will, which takes the ordinary path. */
export function checkTopicName(topic: string, what: string): void {
  const problem = topicNameProblem(topic);
  if (problem !== null) throw new MqttError(ReasonCode.topicNameInvalid, `${what}: ${problem}`);
}
