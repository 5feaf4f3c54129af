import { generate, type Packet, writeToStream } from "mqtt-packet";
import type { PacketSink } from "./packet-sink.ts";
import { PacketType } from "./packet-type.ts";
import type { AckPacket, ConnackPacket, OutboundPacket, ProtocolVersion } from "./packets.ts";
import { connackReturnCode, FIRST_FAILURE_CODE, ReasonCode } from "./reason-code.ts";

export {
  encodePublish,
  INLINE_PAYLOAD_SIZE_BYTES_MAX,
  publishSizeBytes,
  writePublish,
} from "./publish-encoder.ts";

// Otherwise the first SUBACK takes 20 ms and makes a buffer for each number of two bytes: 8 MB for as long as the process lives.
writeToStream.cacheNumbers = false;

const EMPTY = Buffer.alloc(0);
const PINGRESP = Buffer.from([PacketType.pingresp << 4, 0]);

/** What a 3.1.1 CONNACK says for a reason code that it has no return code for. */
const RETURN_CODE_SERVER_UNAVAILABLE = 3;

/**
 * Encodes a packet for a client of the given version; what the version does not know is left out.
 * Nobody may write into the result, which may be shared.
 * @throws Error for a packet that cannot be encoded, such as a SUBACK without a reason code: a
 * mistake of the caller
 */
export function encodePacket(packet: OutboundPacket, version: ProtocolVersion): Buffer {
  switch (packet.cmd) {
    case "puback":
    case "pubrec":
    case "pubrel":
    case "pubcomp":
      return encodeAck(packet, version);
    case "pingresp":
      return PINGRESP;
    case "connack":
      return version === 5 ? encodeConnack5(packet) : encodeConnack3(packet, version);
    case "suback":
      return generateFor(version === 5 ? packet : withReturnCodes(packet), version);
    case "disconnect":
    case "auth":
      // 3.1.1 lets a server say neither; it closes the connection [MQTT-4.8.0-1 of 3.1.1].
      return version === 5 ? generateFor(packet, version) : EMPTY;
    default:
      return generateFor(packet, version);
  }
}

/** Encodes a packet to the end of `sink`; see {@link encodePacket}. */
export function writePacket(
  packet: OutboundPacket,
  version: ProtocolVersion,
  sink: PacketSink,
): void {
  switch (packet.cmd) {
    case "puback":
    case "pubrec":
    case "pubrel":
    case "pubcomp":
      if (version === 5 && packet.properties !== undefined) break;
      writeAck(packet, version, sink);
      return;
  }
  sink.push(encodePacket(packet, version));
}

function writeAck(packet: AckPacket, version: ProtocolVersion, sink: PacketSink): void {
  const hasReason = version === 5 && packet.reasonCode !== ReasonCode.success;
  const at = sink.reserve(hasReason ? 6 : 4);
  fillAck(sink.bytes, at, packet, hasReason);
}

function encodeAck(packet: AckPacket, version: ProtocolVersion): Buffer {
  if (version === 5 && packet.properties !== undefined) return generateFor(packet, version);
  // Section 3.4.2.1: success goes without saying.
  const hasReason = version === 5 && packet.reasonCode !== ReasonCode.success;
  const bytes = Buffer.allocUnsafe(hasReason ? 6 : 4);
  fillAck(bytes, 0, packet, hasReason);
  return bytes;
}

function fillAck(bytes: Buffer, at: number, packet: AckPacket, hasReason: boolean): void {
  bytes[at] = ACK_FIRST_BYTE[packet.cmd];
  bytes[at + 1] = hasReason ? 4 : 2;
  bytes[at + 2] = packet.messageId >> 8;
  bytes[at + 3] = packet.messageId;
  if (!hasReason) return;
  bytes[at + 4] = packet.reasonCode;
  // An empty property length: not required, but some clients expect it.
  bytes[at + 5] = 0;
}

const ACK_FIRST_BYTE = {
  puback: PacketType.puback << 4,
  pubrec: PacketType.pubrec << 4,
  // [MQTT-3.6.1-1]
  pubrel: (PacketType.pubrel << 4) | 0x02,
  pubcomp: PacketType.pubcomp << 4,
} as const;

function encodeConnack5(packet: ConnackPacket): Buffer {
  // [MQTT-3.2.2-6]
  return generateFor({ ...packet, sessionPresent: isSessionPresent(packet) }, 5);
}

function encodeConnack3(packet: ConnackPacket, version: ProtocolVersion): Buffer {
  const returnCode = connackReturnCode(packet.reasonCode) ?? RETURN_CODE_SERVER_UNAVAILABLE;
  // 3.1 reserves the byte where 3.1.1 has Session Present.
  const sessionPresent = version === 4 && isSessionPresent(packet);
  return Buffer.from([PacketType.connack << 4, 2, sessionPresent ? 1 : 0, returnCode]);
}

function isSessionPresent(packet: ConnackPacket): boolean {
  return packet.sessionPresent && packet.reasonCode === ReasonCode.success;
}

/** [MQTT-3.9.3-2] of 3.1.1: 0, 1, 2 or 0x80. */
function withReturnCodes(packet: Extract<OutboundPacket, { cmd: "suback" }>): typeof packet {
  const granted = packet.granted.map((code) => (code >= FIRST_FAILURE_CODE ? 0x80 : code));
  return { ...packet, granted };
}

function generateFor(packet: OutboundPacket, version: ProtocolVersion): Buffer {
  return generate(packet as Packet, { protocolVersion: version });
}
