import { type Packet, parser } from "mqtt-packet";
import { malformed } from "./errors.ts";
import type { ProtocolVersion } from "./packets.ts";

/**
 * Parses one complete frame with mqtt-packet. The parser is thrown away with the frame: kept for a
 * connection it would keep the CONNECT, password and Will included, for as long.
 * @throws MqttError 0x81
 */
export function parseFrame(frame: Buffer, version: ProtocolVersion): Packet {
  const packets: Packet[] = [];
  const failures: Error[] = [];
  const reference = parser({ protocolVersion: version });
  reference.on("packet", (packet) => packets.push(packet));
  reference.on("error", (error: Error) => failures.push(error));
  try {
    reference.parse(frame);
  } catch (error) {
    throw malformed(error instanceof Error ? error.message : "the packet cannot be parsed");
  }
  const [packet] = packets;
  const [failure] = failures;
  if (failure !== undefined) throw malformed(failure.message);
  if (packet === undefined) throw malformed("the packet is incomplete");
  return packet;
}
