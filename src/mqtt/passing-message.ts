import type { OutboundPublish } from "../session/session-api.ts";
import type { BriefMemory } from "./brief-memory.ts";
import { type ApplicationMessage, createMessage, type WireForms } from "./message.ts";
import { RESERVED_SIZE_BYTES_MAX } from "./packet-sink.ts";
import type { ProtocolVersion } from "./packets.ts";
import { ownPart, type ReceivedPublish } from "./received-publish.ts";

const NONE = Buffer.alloc(0);

/** To one subscriber after the other. */
export interface PassingPublish extends OutboundPublish {
  retain: boolean;
  identifiers: readonly number[];
  topicAlias: number;
  isTopicOmitted: boolean;
}

/**
 * A message at QoS 0 without properties on the way to its subscribers. Nearly always nobody keeps it, so that one object serves all those
 * of a client, one after the other: it lasts from `begin` to `end`, and whoever wants it for longer takes `keptMessage`. It has the packet
 * it came in, too, for subscribers that get the very same bytes.
 */
export class PassingMessage implements ApplicationMessage {
  topic = "";
  readonly qos = 0;
  retain = false;
  readonly properties = null;
  readonly publisherId: string;
  readonly version = 0;
  wire: WireForms | null = null;
  /** For its way to the subscribers, filled for each. */
  readonly outbound: PassingPublish = {
    message: this,
    qos: 0,
    dup: false,
    retain: false,
    packetId: 0,
    identifiers: [],
    topicAlias: 0,
    isTopicOmitted: false,
    expirySecondsLeft: -1,
  };
  /** The packet is `bytes[packetStart, packetEnd)`, which may be brief memory. */
  bytes: Buffer = NONE;
  packetStart = 0;
  packetEnd = 0;
  /** Not a number at first, so that V8 makes no object of it whenever it is read. */
  #receivedAtMs: number | null = null;
  #memory: BriefMemory | null = null;
  #payloadStart = 0;
  #payload: Buffer | null = null;
  #wireVersion: 0 | 4 | 5 = 0;
  #isPassing = false;

  constructor(publisherId: string) {
    this.publisherId = publisherId;
  }

  get receivedAtMs(): number {
    return this.#receivedAtMs ?? 0;
  }

  /** Made when asked for; may be kept. */
  get payload(): Buffer {
    this.#expectPassing();
    if (this.#payload === null) {
      this.#payload = ownPart(this.bytes, this.#payloadStart, this.packetEnd, this.#memory);
    }
    return this.#payload;
  }

  /** For who writes it somewhere at once: nothing is made for it. */
  copyPayloadTo(target: Buffer, at: number): void {
    this.#expectPassing();
    this.bytes.copy(target, at, this.#payloadStart, this.packetEnd);
  }

  get payloadSizeBytes(): number {
    this.#expectPassing();
    return this.packetEnd - this.#payloadStart;
  }

  /** `packet`: at QoS 0, without properties. */
  begin(packet: ReceivedPublish, nowMs: number): void {
    // Who is in the middle of the one before would go on with this one.
    if (this.#isPassing) throw new Error("a message began to pass before the last one had passed");
    this.topic = packet.topic;
    this.retain = packet.retain;
    this.#receivedAtMs = nowMs;
    this.bytes = packet.bytes;
    this.#memory = packet.memory;
    this.packetStart = packet.start;
    this.packetEnd = packet.end;
    this.#payloadStart = packet.payloadStart;
    this.#wireVersion = packet.wireVersion;
    this.#isPassing = true;
  }

  /** Keeps nothing alive that came with it. */
  end(): void {
    this.#isPassing = false;
    this.#payload = null;
    this.wire = null;
    this.bytes = NONE;
    this.packetStart = 0;
    this.packetEnd = 0;
    this.#payloadStart = 0;
    this.#wireVersion = 0;
    this.#memory = null;
  }

  /** Whether a client of `version` gets the bytes of the packet, which is a small one, when it gets the message with this retain flag. */
  isWrittenAs(version: ProtocolVersion, retain: boolean): boolean {
    this.#expectPassing();
    if (retain !== this.retain || this.packetEnd - this.packetStart > RESERVED_SIZE_BYTES_MAX)
      return false;
    return this.#wireVersion === (version === 5 ? 5 : 4);
  }

  /** Nobody would notice that it is another message, or none. */
  #expectPassing(): void {
    if (!this.#isPassing) throw new Error("a message was kept that only passed");
  }
}

/** The same message, for as long as it is wanted. */
export function keptMessage(message: ApplicationMessage): ApplicationMessage {
  return message instanceof PassingMessage ? createMessage(message) : message;
}

/** Without a view on the payload. */
export function messageSizeOf(message: ApplicationMessage): number {
  return doesPass(message) ? message.payloadSizeBytes : message.payload.length;
}

/** Writes the payload to `target`, without a view on it. */
export function copyPayload(message: ApplicationMessage, target: Buffer, at: number): void {
  if (doesPass(message)) message.copyPayloadTo(target, at);
  else target.set(message.payload, at);
}

function doesPass(message: ApplicationMessage): message is PassingMessage {
  // What class it has takes longer to see.
  return message.qos === 0 && message instanceof PassingMessage;
}
