import type { BriefMemory } from "./brief-memory.ts";
import type { InboundPacket, PublishPacket, PublishProperties, Qos } from "./packets.ts";

const NONE = Buffer.alloc(0);

/**
 * The PUBLISH that was cut last from what clients sent. One object serves packet after packet, and a view on the payload is made only
 * for those who ask for it: of a client at full speed both would be garbage millions of times a second. Whoever keeps a packet beyond the
 * call that brought it takes `ownPacket`.
 */
export class ReceivedPublish implements PublishPacket {
  readonly cmd = "publish";
  topic = "";
  qos: Qos = 0;
  dup = false;
  retain = false;
  messageId: number | undefined = undefined;
  properties: PublishProperties | undefined = undefined;
  /** The whole packet is `bytes[start, end)`, which may be brief memory. */
  bytes: Buffer = NONE;
  memory: BriefMemory | null = null;
  start = 0;
  payloadStart = 0;
  end = 0;
  /** It is what we would send to a client of this version for the same message (4 stands for 3, too); 0: of none. */
  wireVersion: 0 | 4 | 5 = 0;

  /** Made when asked for; may be kept. */
  get payload(): Buffer {
    this.#expectThere();
    return ownPart(this.bytes, this.payloadStart, this.end, this.memory);
  }

  get payloadSizeBytes(): number {
    this.#expectThere();
    return this.end - this.payloadStart;
  }

  /** Keeps nothing alive that came with the last packet. */
  release(): void {
    this.bytes = NONE;
    this.memory = null;
    this.start = 0;
    this.payloadStart = 0;
    this.end = 0;
    this.properties = undefined;
  }

  /** Else its payload would seem to be empty. */
  #expectThere(): void {
    if (this.bytes === NONE) throw new Error("a packet was kept without `ownPacket`");
  }
}

/** `bytes[start, end)`, to be kept. */
export function ownPart(
  bytes: Buffer,
  start: number,
  end: number,
  memory: BriefMemory | null,
): Buffer {
  return memory === null ? bytes.subarray(start, end) : memory.ownPart(bytes, start, end);
}

/** The same packet, for as long as it is wanted. */
export function ownPacket(packet: InboundPacket): InboundPacket {
  if (!(packet instanceof ReceivedPublish)) return packet;
  const { cmd, topic, payload, qos, dup, retain, messageId, properties } = packet;
  return { cmd, topic, payload, qos, dup, retain, messageId, properties };
}

/** Without a view on the payload. */
export function payloadSizeOf(packet: PublishPacket): number {
  return packet instanceof ReceivedPublish ? packet.payloadSizeBytes : packet.payload.length;
}
