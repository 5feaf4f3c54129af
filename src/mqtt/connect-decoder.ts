import type { IConnectPacket } from "mqtt-packet";
import type { Cursor } from "./cursor.ts";
import { MqttError, malformed } from "./errors.ts";
import { PacketType } from "./packet-type.ts";
import type {
  ConnectPacket,
  ConnectProperties,
  ProtocolVersion,
  Qos,
  Will,
  WillProperties,
} from "./packets.ts";
import { readProperties } from "./property-reader.ts";
import { WILL_PROPERTIES } from "./property-table.ts";
import { checkTopicName } from "./publish-decoder.ts";
import { ReasonCode } from "./reason-code.ts";
import { parseFrame } from "./reference-parser.ts";

const USERNAME_FLAG = 0x80;
const PASSWORD_FLAG = 0x40;
const WILL_RETAIN_FLAG = 0x20;
const WILL_FLAG = 0x04;
const CLEAN_FLAG = 0x02;

/** What mqtt-packet does not keep, or does not keep exactly. */
interface CheckedProperties {
  properties: ConnectProperties | null;
  willProperties: WillProperties | null;
}

/**
 * Reads the protocol name and level, which say how the rest is to be read (and answered).
 * @throws MqttError 0x81 or 0x84
 */
export function readProtocolVersion(cursor: Cursor): ProtocolVersion {
  const name = cursor.readString();
  const level = cursor.readByte();
  if (name === "MQTT" && (level === 4 || level === 5)) return level;
  if (name === "MQIsdp" && level === 3) return level;
  // [MQTT-3.1.2-1] and [MQTT-3.1.2-2]
  throw new MqttError(
    ReasonCode.unsupportedProtocolVersion,
    `protocol "${name.slice(0, 16)}" level ${level} is not supported`,
  );
}

/**
 * Decodes the CONNECT in `frame`; `cursor` stands behind the protocol level. Buffers in the packet
 * are views of `frame`.
 * @throws MqttError 0x81, 0x82, 0x85 or 0x90
 */
export function decodeConnect(
  frame: Buffer,
  cursor: Cursor,
  version: ProtocolVersion,
): ConnectPacket {
  const checked = checkConnect(cursor, version);
  const parsed = parseFrame(frame, version) as IConnectPacket;
  const packet: ConnectPacket = {
    cmd: "connect",
    protocolId: version === 3 ? "MQIsdp" : "MQTT",
    protocolVersion: version,
    clean: parsed.clean === true,
    clientId: parsed.clientId,
    keepalive: parsed.keepalive ?? 0,
  };
  if (parsed.username !== undefined) packet.username = parsed.username;
  if (parsed.password !== undefined) packet.password = parsed.password;
  if (parsed.will !== undefined) packet.will = toWill(parsed.will, checked.willProperties);
  if (checked.properties !== null) packet.properties = checked.properties;
  return packet;
}

function toWill(
  parsed: NonNullable<IConnectPacket["will"]>,
  properties: WillProperties | null,
): Will {
  const will: Will = {
    topic: parsed.topic,
    payload: Buffer.from(parsed.payload),
    qos: parsed.qos ?? 0,
    retain: parsed.retain === true,
  };
  if (properties !== null) will.properties = properties;
  return will;
}

function checkConnect(cursor: Cursor, version: ProtocolVersion): CheckedProperties {
  const flags = cursor.readByte();
  checkFlags(flags, version);
  cursor.readUint16();
  const properties = version === 5 ? readProperties(cursor, PacketType.connect) : null;
  // [MQTT-3.1.3-1] Client Identifier, Will, User Name, Password, in this order; [MQTT-3.1.3-3] the first must be there.
  checkClientId(cursor.readString(), (flags & CLEAN_FLAG) !== 0, version);
  // [MQTT-3.1.2-9]
  const willProperties = (flags & WILL_FLAG) !== 0 ? checkWill(cursor, version) : null;
  // [MQTT-3.1.3-12], and [MQTT-3.1.2-16] to [MQTT-3.1.2-19]: what the flags say, and nothing behind it.
  if ((flags & USERNAME_FLAG) !== 0) cursor.readString();
  if ((flags & PASSWORD_FLAG) !== 0) cursor.readBinary();
  cursor.expectEnd();
  return { properties, willProperties };
}

function checkFlags(flags: number, version: ProtocolVersion): void {
  // [MQTT-3.1.2-3]
  if ((flags & 0x01) !== 0) throw malformed("the reserved connect flag is set");
  const willQos = ((flags >> 3) & 0x03) as Qos | 3;
  // [MQTT-3.1.2-12]
  if (willQos === 3) throw malformed("Will QoS 3");
  if ((flags & WILL_FLAG) === 0) {
    // [MQTT-3.1.2-11]
    if (willQos !== 0) throw malformed("Will QoS without a Will");
    // [MQTT-3.1.2-13]
    if ((flags & WILL_RETAIN_FLAG) !== 0) throw malformed("Will Retain without a Will");
  }
  // [MQTT-3.1.2-22] of 3.1.1; MQTT 5 allows a password alone.
  if (version !== 5 && (flags & USERNAME_FLAG) === 0 && (flags & PASSWORD_FLAG) !== 0) {
    throw malformed("a password without a user name");
  }
}

function checkClientId(clientId: string, isClean: boolean, version: ProtocolVersion): void {
  if (clientId.length > 0 || version === 5) return;
  // [MQTT-3.1.3-8] of 3.1.1; in 3.1 an identifier is never empty.
  if (!isClean || version === 3) {
    throw new MqttError(ReasonCode.clientIdentifierNotValid, "an empty client identifier");
  }
}

function checkWill(cursor: Cursor, version: ProtocolVersion): WillProperties | null {
  const properties = version === 5 ? readProperties(cursor, WILL_PROPERTIES) : null;
  // [MQTT-3.1.3-11]
  checkTopicName(cursor.readString(), "Will Topic");
  cursor.readBinary();
  return properties;
}
