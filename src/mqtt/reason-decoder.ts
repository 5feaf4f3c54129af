import type { Cursor } from "./cursor.ts";
import { protocolError } from "./errors.ts";
import { PacketType } from "./packet-type.ts";
import type {
  AckPacket,
  AckProperties,
  AuthPacket,
  DisconnectPacket,
  DisconnectProperties,
  ProtocolVersion,
} from "./packets.ts";
import { readProperties } from "./property-reader.ts";
import { readPacketId } from "./publish-decoder.ts";
import {
  CLIENT_AUTH_CODES,
  CLIENT_DISCONNECT_CODES,
  PUBACK_CODES,
  PUBREL_CODES,
} from "./reason-sets.ts";

/**
 * The packets that are a reason code and little else: PUBACK, PUBREC, PUBREL, PUBCOMP, DISCONNECT,
 * AUTH.
 */

const ACK_COMMANDS = ["puback", "pubrec", "pubrel", "pubcomp"] as const;

/** @throws MqttError 0x81 or 0x82 */
export function decodeAck(cursor: Cursor, type: number, version: ProtocolVersion): AckPacket {
  const cmd = ACK_COMMANDS[type - PacketType.puback]!;
  const packet: AckPacket = { cmd, messageId: readPacketId(cursor), reasonCode: 0 };
  // Sections 3.4.2.1 and 3.4.2.2.1: reason code and properties may be left out.
  if (version === 5 && cursor.remaining > 0) {
    const isPublishAck = type === PacketType.puback || type === PacketType.pubrec;
    packet.reasonCode = readReasonCode(cursor, isPublishAck ? PUBACK_CODES : PUBREL_CODES);
    const properties = readOptionalProperties(cursor, type);
    if (properties !== null) packet.properties = properties as AckProperties;
  }
  cursor.expectEnd();
  return packet;
}

/** @throws MqttError 0x81 or 0x82 */
export function decodeDisconnect(cursor: Cursor, version: ProtocolVersion): DisconnectPacket {
  const packet: DisconnectPacket = { cmd: "disconnect", reasonCode: 0 };
  if (version === 5 && cursor.remaining > 0) {
    packet.reasonCode = readReasonCode(cursor, CLIENT_DISCONNECT_CODES);
    const properties = readOptionalProperties(cursor, PacketType.disconnect);
    if (properties !== null) packet.properties = properties as DisconnectProperties;
  }
  cursor.expectEnd();
  return packet;
}

/** @throws MqttError 0x81 or 0x82 */
export function decodeAuth(cursor: Cursor): AuthPacket {
  const packet: AuthPacket = { cmd: "auth", reasonCode: 0 };
  if (cursor.remaining > 0) {
    packet.reasonCode = readReasonCode(cursor, CLIENT_AUTH_CODES);
    const properties = readOptionalProperties(cursor, PacketType.auth);
    if (properties !== null)
      packet.properties = properties as NonNullable<AuthPacket["properties"]>;
  }
  cursor.expectEnd();
  return packet;
}

function readReasonCode(cursor: Cursor, allowed: ReadonlySet<number>): number {
  const reasonCode = cursor.readByte();
  if (!allowed.has(reasonCode)) {
    throw protocolError(`reason code 0x${reasonCode.toString(16)} is not allowed in this packet`);
  }
  return reasonCode;
}

function readOptionalProperties(cursor: Cursor, type: number): Record<string, unknown> | null {
  return cursor.remaining > 0 ? readProperties(cursor, type) : null;
}
