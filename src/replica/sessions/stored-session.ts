import type { Qos } from "../../mqtt/packets.ts";
import type { Subscription } from "../../session/session-api.ts";
import type { RecordHash } from "../digest.ts";
import type { Expiring } from "../expiry-queue.ts";
import { PlaceQueue } from "./place-queue.ts";
import type { QueueBounds } from "./queue-bounds.ts";
import type { StoredMessage } from "./stored-message.ts";

/** One message in the queue of one session. */
export interface QueuedMessage {
  readonly session: StoredSession;
  /** Of the session, from 1, without gaps when it is given out; the packet identifier follows from it. */
  readonly seq: number;
  readonly stored: StoredMessage;
  readonly qos: Qos;
  readonly retain: boolean;
  readonly identifiers: readonly number[];
  /** `$share/{ShareName}/{filter}` when it came to this session as a member of that group, else null. */
  readonly group: string | null;
  /** It has a record of its own, because its message was stored before it came. */
  readonly isPlaced: boolean;
}

/** When it has waited too long: by its message's own expiry, or by the age that its session bears. */
export function endsAtMs({ session, stored }: Pick<QueuedMessage, "session" | "stored">): number {
  const { ageSecondsMax } = session.bounds;
  if (ageSecondsMax === 0) return stored.messageEndsAtMs;
  return Math.min(stored.messageEndsAtMs, stored.storedAtMs + ageSecondsMax * 1000);
}

/** A copy of a retained message that a SUBSCRIBE asked for; a place that came as a share of a group is a published message. */
export function isRetainedCopy({
  isPlaced,
  group,
}: Pick<QueuedMessage, "isPlaced" | "group">): boolean {
  return isPlaced && group === null;
}

/**
 * What the log agrees on of one session that outlives its connection. Its queue refers to messages that are held once for all
 * sessions; what was delivered is a cursor and the few sequence numbers beyond it.
 */
export class StoredSession implements Expiring {
  readonly clientId: string;
  /** The epoch of the claim that began it; no other session ever has the same. */
  readonly number: number;
  expirySeconds = 0;
  /** Of its newest claim. */
  bounds: QueueBounds;
  /** Of the claim that holds it; 0 while nobody is connected. */
  epoch = 0;
  /** Log time at which the connection ended; meaningful while `epoch` is 0. */
  disconnectedAtMs = 0;
  readonly subscriptions = new Map<string, Subscription>();
  /** Up to here an earlier connection may have sent it, so that it goes out as a repetition. */
  sentSeq = 0;
  /** By sequence number, ascending. */
  readonly queue = new PlaceQueue<QueuedMessage>();
  queuedSizeBytes = 0;
  /** Of these, copies of retained messages that a SUBSCRIBE asked for: they take no room from what is published. */
  retainedCount = 0;
  retainedSizeBytes = 0;
  nextSeq = 1;
  /** Everything up to here is done with; beyond it, what was given out and is not in the queue. */
  floor = 0;
  /** No place before it may be given up to make room for a newer one; known by looking, so that each is looked at once. */
  keptBelow = 1;
  /** QoS 2: the client has said PUBREC; it gets PUBREL and never the message again. */
  readonly received = new Set<number>();
  /** QoS 2 packet identifiers of messages from the client that are published and not released. */
  readonly inboundQos2 = new Set<number>();
  queueIndex = -1;
  /** When its interval has passed; Infinity while it is connected, and for one that never ends by itself. */
  expiresAtMs = Number.POSITIVE_INFINITY;

  headHash: RecordHash | null = null;
  cursorHash: RecordHash | null = null;

  constructor(clientId: string, number: number, bounds: QueueBounds) {
    this.clientId = clientId;
    this.number = number;
    this.bounds = bounds;
  }

  get expiryKey(): string {
    return this.clientId;
  }

  get isConnected(): boolean {
    return this.epoch !== 0;
  }

  isDone(seq: number): boolean {
    return seq < this.nextSeq && !this.queue.has(seq);
  }

  /** A QoS 2 exchange that a connection may have begun is finished, however old its message becomes [MQTT-4.3.3-7]. */
  hasBegun({ seq, qos }: Pick<QueuedMessage, "seq" | "qos">): boolean {
    return this.received.has(seq) || (qos === 2 && seq <= this.sentSeq);
  }

  add(entry: QueuedMessage): void {
    this.queue.add(entry);
    entry.stored.places.set(entry, true);
    this.#count(entry, 1);
    this.nextSeq = Math.max(this.nextSeq, entry.seq + 1);
  }

  /** Moves the cursor; answers what is done with now, or null when it was before. */
  complete(seq: number): QueuedMessage | null {
    const entry = this.queue.get(seq);
    if (entry === undefined) return null;
    this.queue.delete(seq);
    entry.stored.places.delete(entry);
    this.#count(entry, -1);
    this.received.delete(seq);
    while (this.floor + 1 < this.nextSeq && !this.queue.has(this.floor + 1)) this.floor++;
    return entry;
  }

  /**
   * The oldest published message that another may take the place of; null when there is none. An exchange at QoS 2 that may have begun
   * goes on, and only the node of a connected client knows which those are.
   */
  oldestDispensable(): QueuedMessage | null {
    for (; this.keptBelow < this.nextSeq; this.keptBelow++) {
      const entry = this.queue.get(this.keptBelow);
      if (entry === undefined || isRetainedCopy(entry) || this.hasBegun(entry)) continue;
      if (entry.qos < 2 || !this.isConnected) return entry;
    }
    return null;
  }

  #count(entry: QueuedMessage, sign: 1 | -1): void {
    const { stored } = entry;
    this.queuedSizeBytes += sign * stored.sizeBytes;
    if (!isRetainedCopy(entry)) return;
    this.retainedCount += sign;
    this.retainedSizeBytes += sign * stored.sizeBytes;
  }
}
