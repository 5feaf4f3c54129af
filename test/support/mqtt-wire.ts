import { generate, type Packet } from "mqtt-packet";
import { PacketDecoder } from "../../src/mqtt/decoder.ts";
import { MqttError } from "../../src/mqtt/errors.ts";
import type { InboundPacket, ProtocolVersion, UserProperties } from "../../src/mqtt/packets.ts";
import { ownPacket, ReceivedPublish } from "../../src/mqtt/received-publish.ts";

/** "10 02" as bytes; spaces are for the reader. */
export function bytes(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(/\s/g, ""), "hex");
}

/** A frame: first byte and body, with the remaining length between them. */
export function frame(firstByte: number, body: Buffer): Buffer {
  const header = [firstByte];
  let rest = body.length;
  do {
    header.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest >>>= 7;
  } while (rest > 0);
  return Buffer.concat([Buffer.from(header), body]);
}

/** A CONNECT as short as the version allows. */
export function connectBytes(version: ProtocolVersion): Buffer {
  if (version === 3) return frame(0x10, bytes("0006 4d5149736470 03 02 0000 0001 63"));
  return frame(
    0x10,
    bytes(version === 4 ? "0004 4d515454 04 02 0000 0000" : "0004 4d515454 05 02 0000 00 0000"),
  );
}

export interface Decoding {
  readonly packets: InboundPacket[];
  readonly decoder: PacketDecoder;
  /** null = no error so far. */
  readonly reasonCode: number | null;
}

/** Feeds chunks to a decoder that has seen the CONNECT of `version`; with null, to a fresh one. */
export function decode(
  version: ProtocolVersion | null,
  chunks: Buffer[],
  maximumPacketSizeBytes = 1 << 20,
): Decoding {
  const packets: InboundPacket[] = [];
  const packetReceived = (packet: InboundPacket) => void packets.push(ownPacket(packet));
  const decoder = new PacketDecoder({ packetReceived }, maximumPacketSizeBytes);
  if (version !== null) decoder.push(connectBytes(version));
  packets.length = 0;
  try {
    for (const chunk of chunks) decoder.push(chunk);
  } catch (error) {
    if (!(error instanceof MqttError)) throw error;
    return { packets, decoder, reasonCode: error.reasonCode };
  }
  return { packets, decoder, reasonCode: null };
}

/** User properties as mqtt-packet has them, name by name, in our shape. */
export function userPairs(
  byName: Readonly<Record<string, string | readonly string[]>>,
): UserProperties {
  return Object.entries(byName).flatMap(([name, values]) =>
    [values].flat().map((value) => [name, value] as const),
  );
}

/** A packet in mqtt-packet's shape as our decoder hands it on. */
export function inOurShape(packet: object): object {
  const { properties, will } = packet as { properties?: object; will?: object };
  return {
    ...packet,
    ...(properties === undefined ? {} : { properties: withUserPairs(properties) }),
    ...(will === undefined ? {} : { will: inOurShape(will) }),
  };
}

function withUserPairs(properties: object): object {
  const { userProperties } = properties as { userProperties?: Record<string, string | string[]> };
  if (userProperties === undefined) return properties;
  return { ...properties, userProperties: userPairs(userProperties) };
}

/** The bytes as mqtt-packet writes them. */
export function reference(packet: object, version: ProtocolVersion): Buffer {
  return generate(packet as Packet, { protocolVersion: version });
}

/** Cuts `whole` at the given places, taken modulo its length. */
export function cut(whole: Buffer, places: readonly number[]): Buffer[] {
  const sorted = places.map((place) => place % (whole.length + 1)).sort((a, b) => a - b);
  const ends = [...sorted, whole.length];
  return ends.map((end, index) => Buffer.from(whole.subarray(sorted[index - 1] ?? 0, end)));
}

/** Each PUBLISH as the decoder hands it on, in an object of its own. */
export function received(version: ProtocolVersion, chunk: Buffer): readonly ReceivedPublish[] {
  const packets: ReceivedPublish[] = [];
  const packetReceived = (packet: InboundPacket) => {
    if (packet instanceof ReceivedPublish)
      packets.push(Object.assign(new ReceivedPublish(), packet));
  };
  const decoder = new PacketDecoder({ packetReceived }, 1 << 20);
  decoder.push(connectBytes(version));
  decoder.push(chunk);
  return packets;
}
