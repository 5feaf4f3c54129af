import { type ApplicationMessage, createMessage } from "../mqtt/message.ts";
import type { PublishProperties, Qos, UserProperties } from "../mqtt/packets.ts";
import type { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";

/** First byte of a message: QoS in the lowest two bits. */
const messageFlag = { qosMask: 0x03, retain: 0x04, hasProperties: 0x08 } as const;
const knownMessageFlags = 0x0f;

/** First byte of the properties: which ones follow, in this order. */
const propertyFlag = {
  payloadFormatIndicator: 0x01,
  isUtf8Payload: 0x02,
  messageExpiryInterval: 0x04,
  responseTopic: 0x08,
  correlationData: 0x10,
  contentType: 0x20,
  userProperties: 0x40,
} as const;
const knownPropertyFlags = 0x7f;

/**
 * Everything of a message but its topic and version, which stand in a record's key or are the log index. Topic alias and
 * subscription identifiers belong to one connection and are never part of a message.
 */
export function writeMessageBody(writer: ByteWriter, message: ApplicationMessage): void {
  writeMessageHead(writer, message);
  writer.bytes(message.payload);
}

/** The body up to the payload. */
export function writeMessageHead(writer: ByteWriter, message: ApplicationMessage): void {
  const { properties } = message;
  writer.byte(
    message.qos |
      (message.retain ? messageFlag.retain : 0) |
      (properties === null ? 0 : messageFlag.hasProperties),
  );
  writer.number(message.receivedAtMs);
  writer.string(message.publisherId);
  if (properties !== null) {
    writeProperties(writer, properties);
  }
}

/** Whether the message that begins here has any; most have none. */
export function hasProperties(reader: ByteReader): boolean {
  return (reader.byte() & messageFlag.hasProperties) !== 0;
}

/** Of the message that begins here, without reading the rest. */
export function qosOf(reader: ByteReader): number {
  return reader.byte() & messageFlag.qosMask;
}

/** The payload shares memory with the reader's input. The caller checks `reader.isSound`. */
export function readMessageBody(
  reader: ByteReader,
  topic: string,
  version: number,
): ApplicationMessage {
  const flags = reader.byte();
  const qos = flags & messageFlag.qosMask;
  if (qos > 2 || (flags & ~knownMessageFlags) !== 0) {
    reader.fail();
  }
  const receivedAtMs = reader.number();
  const publisherId = reader.string();
  const properties = (flags & messageFlag.hasProperties) === 0 ? null : readProperties(reader);
  return createMessage({
    topic,
    payload: reader.bytes(),
    qos: qos as Qos,
    retain: (flags & messageFlag.retain) !== 0,
    properties,
    receivedAtMs,
    publisherId,
    version,
  });
}

function writeProperties(writer: ByteWriter, properties: PublishProperties): void {
  const {
    payloadFormatIndicator,
    messageExpiryInterval,
    responseTopic,
    correlationData,
    contentType,
    userProperties,
  } = properties;
  writer.byte(
    (payloadFormatIndicator === undefined ? 0 : propertyFlag.payloadFormatIndicator) |
      (payloadFormatIndicator === true ? propertyFlag.isUtf8Payload : 0) |
      (messageExpiryInterval === undefined ? 0 : propertyFlag.messageExpiryInterval) |
      (responseTopic === undefined ? 0 : propertyFlag.responseTopic) |
      (correlationData === undefined ? 0 : propertyFlag.correlationData) |
      (contentType === undefined ? 0 : propertyFlag.contentType) |
      (userProperties === undefined ? 0 : propertyFlag.userProperties),
  );
  if (messageExpiryInterval !== undefined) {
    writer.number(messageExpiryInterval);
  }
  if (responseTopic !== undefined) {
    writer.string(responseTopic);
  }
  if (correlationData !== undefined) {
    writer.bytes(correlationData);
  }
  if (contentType !== undefined) {
    writer.string(contentType);
  }
  if (userProperties !== undefined) {
    writeUserProperties(writer, userProperties);
  }
}

function readProperties(reader: ByteReader): PublishProperties {
  const flags = reader.byte();
  if ((flags & ~knownPropertyFlags) !== 0) {
    reader.fail();
  }
  const properties: PublishProperties = {};
  if ((flags & propertyFlag.payloadFormatIndicator) !== 0) {
    properties.payloadFormatIndicator = (flags & propertyFlag.isUtf8Payload) !== 0;
  }
  if ((flags & propertyFlag.messageExpiryInterval) !== 0) {
    properties.messageExpiryInterval = reader.number();
  }
  if ((flags & propertyFlag.responseTopic) !== 0) {
    properties.responseTopic = reader.string();
  }
  if ((flags & propertyFlag.correlationData) !== 0) {
    properties.correlationData = reader.bytes();
  }
  if ((flags & propertyFlag.contentType) !== 0) {
    properties.contentType = reader.string();
  }
  if ((flags & propertyFlag.userProperties) !== 0) {
    properties.userProperties = readUserProperties(reader);
  }
  return properties;
}

/** Count, then name, 0 and value of each. The 0 is a shape: records of 0.1 may have the length of a list of values plus 1. */
function writeUserProperties(writer: ByteWriter, userProperties: UserProperties): void {
  writer.number(userProperties.length);
  for (const [name, value] of userProperties) {
    writer.string(name);
    writer.number(0);
    writer.string(value);
  }
}

function readUserProperties(reader: ByteReader): UserProperties {
  const userProperties: [string, string][] = [];
  const count = reader.number();
  for (let index = 0; index < count && reader.isSound; index++) {
    const name = reader.string();
    const shape = reader.number();
    const values = shape === 0 ? 1 : shape - 1;
    for (let at = 0; at < values && reader.isSound; at++) {
      userProperties.push([name, reader.string()]);
    }
  }
  return userProperties;
}
