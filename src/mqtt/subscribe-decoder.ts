import type { ISubscribePacket, IUnsubscribePacket } from "mqtt-packet";
import type { Cursor } from "./cursor.ts";
import { malformed, protocolError } from "./errors.ts";
import { PacketType } from "./packet-type.ts";
import type { ProtocolVersion, SubscribePacket, UnsubscribePacket } from "./packets.ts";
import { readProperties } from "./property-reader.ts";
import { readPacketId } from "./publish-decoder.ts";
import { parseFrame } from "./reference-parser.ts";

/** @throws MqttError 0x81 or 0x82 */
export function decodeSubscribe(
  frame: Buffer,
  cursor: Cursor,
  version: ProtocolVersion,
): SubscribePacket {
  readPacketId(cursor);
  const properties = version === 5 ? readProperties(cursor, PacketType.subscribe) : null;
  // [MQTT-3.8.3-2]
  if (cursor.remaining === 0) throw protocolError("SUBSCRIBE without a topic filter");
  while (cursor.remaining > 0) {
    cursor.readString();
    checkOptions(cursor.readByte(), version);
  }
  const parsed = parseFrame(frame, version) as ISubscribePacket;
  const packet: SubscribePacket = {
    cmd: "subscribe",
    messageId: parsed.messageId ?? 0,
    subscriptions: parsed.subscriptions.map((request) => ({
      topic: request.topic,
      qos: request.qos,
      nl: request.nl === true,
      rap: request.rap === true,
      rh: (request.rh ?? 0) as 0 | 1 | 2,
    })),
  };
  if (properties !== null) packet.properties = properties;
  return packet;
}

/** @throws MqttError 0x81 or 0x82 */
export function decodeUnsubscribe(
  frame: Buffer,
  cursor: Cursor,
  version: ProtocolVersion,
): UnsubscribePacket {
  readPacketId(cursor);
  const properties = version === 5 ? readProperties(cursor, PacketType.unsubscribe) : null;
  // [MQTT-3.10.3-2]
  if (cursor.remaining === 0) throw protocolError("UNSUBSCRIBE without a topic filter");
  while (cursor.remaining > 0) cursor.readString();
  const parsed = parseFrame(frame, version) as IUnsubscribePacket;
  const packet: UnsubscribePacket = {
    cmd: "unsubscribe",
    messageId: parsed.messageId ?? 0,
    unsubscriptions: parsed.unsubscriptions,
  };
  if (properties !== null) packet.properties = properties;
  return packet;
}

function checkOptions(options: number, version: ProtocolVersion): void {
  // [MQTT-3.8.3-5]; in 3.1.1 all but the QoS is reserved [MQTT-3-8.3-4]; 3.1 never said so.
  const reserved = version === 5 ? 0xc0 : 0xfc;
  if ((options & reserved) !== 0) throw malformed("reserved subscription options are set");
  // Section 3.8.3.1
  if ((options & 0x03) === 3) throw protocolError("SUBSCRIBE with QoS 3");
  if (((options >> 4) & 0x03) === 3) throw protocolError("SUBSCRIBE with Retain Handling 3");
}
