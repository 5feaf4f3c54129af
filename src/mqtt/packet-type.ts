import { malformed, protocolError } from "./errors.ts";
import type { ProtocolVersion } from "./packets.ts";

/** The four bit type in the fixed header, section 2.1.2. */
export const PacketType = {
  connect: 1,
  connack: 2,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  subscribe: 8,
  suback: 9,
  unsubscribe: 10,
  unsuback: 11,
  pingreq: 12,
  pingresp: 13,
  disconnect: 14,
  auth: 15,
} as const;

export const DUP_FLAG = 0x08;
export const RETAIN_FLAG = 0x01;

/**
 * 0x02 for PUBREL, SUBSCRIBE and UNSUBSCRIBE [MQTT-3.6.1-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1], else 0; PUBLISH has flags
 * of its own.
 */
function reservedFlags(type: number): number {
  const isMarked =
    type === PacketType.pubrel || type === PacketType.subscribe || type === PacketType.unsubscribe;
  return isMarked ? 0x02 : 0;
}

function isSentByClients(type: number, version: ProtocolVersion): boolean {
  switch (type) {
    case 0:
    case PacketType.connack:
    case PacketType.suback:
    case PacketType.unsuback:
    case PacketType.pingresp:
      return false;
    case PacketType.auth:
      return version === 5;
    default:
      return true;
  }
}

/**
 * Checks the first byte of a packet from a client.
 * @throws MqttError 0x81 or 0x82
 */
export function checkFirstByte(byte: number, isConnected: boolean, version: ProtocolVersion): void {
  const type = byte >> 4;
  if (type === PacketType.connect) {
    // [MQTT-3.1.0-2] A second CONNECT is a protocol error.
    if (isConnected) throw protocolError("a second CONNECT");
  } else if (!isConnected) {
    // [MQTT-3.1.0-1]
    throw protocolError("the first packet must be a CONNECT");
  }
  if (type === PacketType.publish) {
    checkPublishFlags(byte);
    return;
  }
  if (type === 0) throw malformed("packet type 0 is reserved");
  if (!isSentByClients(type, version)) throw protocolError(`packet type ${type} from a client`);
  const expected = reservedFlags(type);
  // MQTT 3.1 let a client mark its retries with DUP; 3.1.1 reserved the bit.
  const flags = version === 3 && expected !== 0 ? byte & 0x0f & ~DUP_FLAG : byte & 0x0f;
  // [MQTT-2.1.3-1], [MQTT-3.14.1-1] and [MQTT-3.15.1-1]
  if (flags !== expected) throw malformed("reserved flags of the fixed header are set");
}

function checkPublishFlags(byte: number): void {
  const qos = (byte >> 1) & 0x03;
  // [MQTT-3.3.1-4]
  if (qos === 3) throw malformed("PUBLISH with QoS 3");
  // [MQTT-3.3.1-2]
  if (qos === 0 && (byte & DUP_FLAG) !== 0) throw malformed("PUBLISH with DUP at QoS 0");
}
