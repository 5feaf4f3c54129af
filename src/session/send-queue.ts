import { type ApplicationMessage, createMessage } from "../mqtt/message.ts";
import type { Qos } from "../mqtt/packets.ts";
import type { SessionLimits } from "./session-api.ts";

/** One message on its way to the client at QoS 1 or 2. */
export interface OutboundEntry {
  readonly message: ApplicationMessage;
  readonly qos: Qos;
  readonly retain: boolean;
  readonly identifiers: readonly number[];
  /** Its place in the queue that the log keeps for the session; 0 = it is in none. */
  readonly seq: number;
  /** An earlier connection may have sent it. */
  readonly isRepeated: boolean;
  /** When it began to wait in this queue; meaningless for one that never did. */
  queuedAtMs: number;
  /** 0 = not yet sent. */
  packetId: number;
  /** Ascends in the order in which a new connection has to repeat what was sent. */
  order: number;
  /** PUBREC has come and is on its way to the log. */
  isReceived: boolean;
  /** PUBREC has come, PUBREL is out. */
  isReleased: boolean;
  /** Its PUBLISH went out on this connection, so it counts for the client's Receive Maximum. */
  isOnWire: boolean;
}

/**
 * What a message costs in the queue: its payload, its topic and an allowance for the objects around
 * them.
 */
export function queuedSizeBytes(message: ApplicationMessage): number {
  return message.payload.length + message.topic.length + ENTRY_SIZE_BYTES;
}

const ENTRY_SIZE_BYTES = 64;

/** Chunks of the socket up to this size are left alone. */
const SMALL_CHUNK_SIZE_BYTES = 4096;

/** Larger payloads stay shared between the queues that hold them. */
const COPIED_PAYLOAD_SIZE_BYTES_MAX = 1024;

/**
 * The message as a queue may keep it for days. A small payload is a view into a chunk of the
 * publisher's socket; without a copy each would keep a whole chunk alive, far beyond what the queue
 * counts.
 */
export function detached(message: ApplicationMessage): ApplicationMessage {
  const { payload } = message;
  const isFree = payload.buffer.byteLength <= SMALL_CHUNK_SIZE_BYTES;
  if (isFree || payload.length > COPIED_PAYLOAD_SIZE_BYTES_MAX) return message;
  const copy = Buffer.allocUnsafeSlow(payload.length);
  payload.copy(copy);
  return createMessage({ ...message, payload: copy });
}

export type QueueLimits = Pick<
  SessionLimits,
  "queuedMessagesMax" | "queuedSizeBytesMax" | "queuedAgeSecondsMax"
>;

/** Messages that wait for the send window, in the order in which they came [MQTT-4.6.0-5]. */
export class SendQueue {
  readonly #messagesMax: number;
  readonly #sizeBytesMax: number;
  readonly #ageMaxMs: number;
  #entries: OutboundEntry[] = [];
  #head = 0;
  #sizeBytes = 0;

  constructor(bounds: QueueLimits) {
    this.#messagesMax = bounds.queuedMessagesMax;
    this.#sizeBytesMax = bounds.queuedSizeBytesMax;
    const { queuedAgeSecondsMax } = bounds;
    this.#ageMaxMs =
      queuedAgeSecondsMax === 0 ? Number.POSITIVE_INFINITY : queuedAgeSecondsMax * 1000;
  }

  get length(): number {
    return this.#entries.length - this.#head;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Why it cannot wait here now; null when it can. */
  lackFor(message: ApplicationMessage): "queue-full" | "queue-size" | null {
    if (this.length >= this.#messagesMax) return "queue-full";
    const isTooMuch = this.#sizeBytes + queuedSizeBytes(message) > this.#sizeBytesMax;
    return isTooMuch ? "queue-size" : null;
  }

  /** However empty the queue is. */
  isTooLarge(message: ApplicationMessage): boolean {
    return queuedSizeBytes(message) > this.#sizeBytesMax;
  }

  /** It has waited longer than anything may. */
  isTooOld({ queuedAtMs }: OutboundEntry, nowMs: number): boolean {
    return nowMs - queuedAtMs > this.#ageMaxMs;
  }

  push(entry: OutboundEntry, nowMs: number): void {
    entry.queuedAtMs = nowMs;
    this.#entries.push(entry);
    this.#sizeBytes += queuedSizeBytes(entry.message);
  }

  /** Takes out the place of the stored queue; harmless when it does not wait here. Those places ascend. */
  discard(seq: number): void {
    let low = this.#head;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#entries[middle]!.seq < seq) low = middle + 1;
      else high = middle;
    }
    const entry = this.#entries[low];
    if (entry?.seq !== seq) return;
    this.#entries.splice(low, 1);
    this.#sizeBytes -= queuedSizeBytes(entry.message);
  }

  peek(): OutboundEntry | undefined {
    return this.#entries[this.#head];
  }

  shift(): OutboundEntry | undefined {
    const entry = this.#entries[this.#head];
    if (entry === undefined) return undefined;
    this.#head += 1;
    this.#sizeBytes -= queuedSizeBytes(entry.message);
    // Sent entries are let go in large steps, so that taking one costs nothing on average.
    if (this.#head >= 32 && this.#head * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
    return entry;
  }
}
