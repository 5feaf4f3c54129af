import type { Qos } from "../../mqtt/packets.ts";
import type { Subscription } from "../../session/session-api.ts";
import type { ByteReader } from "../byte-reader.ts";
import type { ByteWriter } from "../byte-writer.ts";

const flag = {
  qosMask: 0x03,
  noLocal: 0x04,
  retainAsPublished: 0x08,
  retainHandlingShift: 4,
} as const;
const knownFlags = 0x3f;

/** The options of SUBSCRIBE in the bits that they have there (MQTT 5, 3.8.3.1), then the identifier; not the filter. */
export function writeSubscription(writer: ByteWriter, subscription: Subscription): void {
  const { qos, noLocal, retainAsPublished, retainHandling, identifier } = subscription;
  writer.byte(
    qos |
      (noLocal ? flag.noLocal : 0) |
      (retainAsPublished ? flag.retainAsPublished : 0) |
      (retainHandling << flag.retainHandlingShift),
  );
  writer.number(identifier);
}

export function readSubscription(reader: ByteReader, filter: string): Subscription {
  const flags = reader.byte();
  const qos = flags & flag.qosMask;
  const retainHandling = flags >> flag.retainHandlingShift;
  if (qos > 2 || retainHandling > 2 || (flags & ~knownFlags) !== 0) reader.fail();
  return {
    filter,
    qos: qos as Qos,
    noLocal: (flags & flag.noLocal) !== 0,
    retainAsPublished: (flags & flag.retainAsPublished) !== 0,
    retainHandling: retainHandling as 0 | 1 | 2,
    identifier: reader.number(),
  };
}
