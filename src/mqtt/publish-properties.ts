import type { OutboundPublish } from "../session/session-api.ts";
import { type ByteWriter, variableByteIntegerSize } from "./byte-writer.ts";
import type { PublishProperties, UserProperties } from "./packets.ts";

/**
 * The properties of an outbound PUBLISH (MQTT 5, section 3.3.2.3): those of the message unaltered,
 * with what belongs to this delivery put in: the expiry that is left, the topic alias and the
 * subscription identifiers.
 */

/** Size of all properties, the length in front of them not counted. */
export function propertiesSizeBytes(publish: OutboundPublish): number {
  const properties = publish.message.properties;
  let sizeBytes = properties === null ? 0 : forwardedSizeBytes(properties);
  // [MQTT-3.3.2-6]
  if (publish.expirySecondsLeft >= 0) sizeBytes += 5;
  if (publish.topicAlias > 0) sizeBytes += 3;
  // [MQTT-3.3.4-3] and [MQTT-3.3.4-4]
  const { identifiers } = publish;
  // Mostly there are none, and an iterator would be made for each message.
  for (let at = 0; at < identifiers.length; at++) {
    sizeBytes += 1 + variableByteIntegerSize(identifiers[at]!);
  }
  return sizeBytes;
}

/** Writes what `propertiesSizeBytes` counted. */
export function writeProperties(writer: ByteWriter, publish: OutboundPublish): void {
  const properties = publish.message.properties;
  if (properties !== null) writeForwarded(writer, properties);
  if (publish.expirySecondsLeft >= 0) {
    writer.writeByte(2);
    writer.writeUint32(publish.expirySecondsLeft);
  }
  if (publish.topicAlias > 0) {
    writer.writeByte(35);
    writer.writeUint16(publish.topicAlias);
  }
  const { identifiers } = publish;
  for (let at = 0; at < identifiers.length; at++) {
    writer.writeByte(11);
    writer.writeVariableByteInteger(identifiers[at]!);
  }
}

function forwardedSizeBytes(properties: PublishProperties): number {
  let sizeBytes = 0;
  if (properties.payloadFormatIndicator !== undefined) sizeBytes += 2;
  if (properties.contentType !== undefined)
    sizeBytes += 3 + Buffer.byteLength(properties.contentType);
  if (properties.responseTopic !== undefined) {
    sizeBytes += 3 + Buffer.byteLength(properties.responseTopic);
  }
  if (properties.correlationData !== undefined) sizeBytes += 3 + properties.correlationData.length;
  if (properties.userProperties !== undefined) {
    sizeBytes += userPropertiesSizeBytes(properties.userProperties);
  }
  return sizeBytes;
}

function userPropertiesSizeBytes(properties: UserProperties): number {
  let sizeBytes = 0;
  for (const [name, value] of properties) {
    sizeBytes += 5 + Buffer.byteLength(name) + Buffer.byteLength(value);
  }
  return sizeBytes;
}

function writeForwarded(writer: ByteWriter, properties: PublishProperties): void {
  // [MQTT-3.3.2-4]
  if (properties.payloadFormatIndicator !== undefined) {
    writer.writeByte(1);
    writer.writeByte(properties.payloadFormatIndicator ? 1 : 0);
  }
  // [MQTT-3.3.2-20]
  if (properties.contentType !== undefined) {
    writer.writeByte(3);
    writer.writeString(properties.contentType);
  }
  // [MQTT-3.3.2-15]
  if (properties.responseTopic !== undefined) {
    writer.writeByte(8);
    writer.writeString(properties.responseTopic);
  }
  // [MQTT-3.3.2-16]
  if (properties.correlationData !== undefined) {
    writer.writeByte(9);
    writer.writeUint16(properties.correlationData.length);
    writer.writeBytes(properties.correlationData);
  }
  // [MQTT-3.3.2-17] and [MQTT-3.3.2-18]
  if (properties.userProperties !== undefined) {
    writeUserProperties(writer, properties.userProperties);
  }
}

function writeUserProperties(writer: ByteWriter, properties: UserProperties): void {
  for (const [name, value] of properties) {
    writer.writeByte(38);
    writer.writeString(name);
    writer.writeString(value);
  }
}
