import { protocolError } from "../mqtt/errors.ts";
import { type ApplicationMessage, expiresAtMs } from "../mqtt/message.ts";
import type { AckPacket, Qos } from "../mqtt/packets.ts";
import { PassingMessage } from "../mqtt/passing-message.ts";
import { FIRST_FAILURE_CODE, ReasonCode } from "../mqtt/reason-code.ts";
import { Inflight } from "./inflight.ts";
import type { Link } from "./link.ts";
import { detached, type OutboundEntry, SendQueue } from "./send-queue.ts";
import type {
  DeliveryOptions,
  DropReason,
  SessionEffects,
  SessionLimits,
  StoredDelivery,
} from "./session-api.ts";
import { pass, transmit } from "./transmit.ts";

const nothing: readonly OutboundEntry[] = [];

/**
 * The sending side of a session: section 4.3 for PUBLISHes to the client. Methods that take a
 * packet throw MqttError when the connection must end.
 *
 * Invariants: what is in flight is never more than the send window of some connection; nothing
 * leaves the queue while something in flight waits to be repeated.
 */
export class Outbound {
  readonly #inflight: Inflight;
  readonly #limits: SessionLimits;
  /** null until something has had to wait. */
  #queue: SendQueue | null = null;
  /**
   * What was in flight when this connection began, in the order to repeat it in, and how far that
   * has come.
   */
  #resend: readonly OutboundEntry[] = nothing;
  #resendAt = 0;
  #onWireCount = 0;
  #link: Link | null = null;
  /** The last connection's, which hears of drops while the client is away too. */
  #effects: SessionEffects | null = null;
  #droppedCount = 0;
  #unexpectedAckCount = 0;
  #sentSeq = 0;

  constructor(limits: SessionLimits, isStored: boolean) {
    this.#inflight = new Inflight(isStored);
    this.#limits = limits;
  }

  /** The highest place in the stored queue that was sent; 0 = none. */
  get sentSeq(): number {
    return this.#sentSeq;
  }

  get inflightCount(): number {
    return this.#inflight.size;
  }

  get queuedCount(): number {
    return this.#queue?.length ?? 0;
  }

  get droppedCount(): number {
    return this.#droppedCount;
  }

  /**
   * Acknowledgements for packet identifiers that are not in use; harmless, but a sign of a client
   * with another past.
   */
  get unexpectedAckCount(): number {
    return this.#unexpectedAckCount;
  }

  attach(link: Link, nowMs: number): void {
    this.#link = link;
    this.#effects = link.effects;
    this.#resend = this.#inflight.size === 0 ? nothing : this.#inflight.values();
    this.#resendAt = 0;
    this.drain(nowMs);
  }

  detach(): void {
    this.#link = null;
    this.#endResend();
    // Section 4.9: the quota is not kept across connections.
    this.#onWireCount = 0;
    for (const entry of this.#inflight.values()) entry.isOnWire = false;
  }

  deliver(message: ApplicationMessage, options: DeliveryOptions, nowMs: number): void {
    // [MQTT-3.8.4-8] The lower of the message's QoS and the subscription's.
    const qos = Math.min(message.qos, options.qos) as Qos;
    if (qos === 0) {
      this.#deliverQos0(message, options, nowMs);
      return;
    }
    const link = this.#link;
    const entry = newEntry(message, qos, options);
    if (link !== null && this.#isOpen(link, entry)) {
      this.#sendNew(link, entry, nowMs);
    } else if (this.#makeRoomFor(message)) {
      this.#enqueue(newEntry(detached(message), qos, options), nowMs);
    }
  }

  /** False when there is none and the message is dropped for it. */
  #makeRoomFor(message: ApplicationMessage): boolean {
    this.#queue ??= new SendQueue(this.#limits);
    let lack = this.#queue.lackFor(message);
    while (lack !== null) {
      const isOldestDropped = this.#limits.queuedDrop === "oldest";
      const isWanted = isOldestDropped && !this.#queue.isTooLarge(message);
      const oldest = isWanted ? this.#queue.shift() : undefined;
      this.#drop(oldest?.message ?? message, lack);
      if (oldest === undefined) return false;
      lack = this.#queue.lackFor(message);
    }
    return true;
  }

  #enqueue(entry: OutboundEntry, nowMs: number): void {
    this.#queue ??= new SendQueue(this.#limits);
    this.#queue.push(entry, nowMs);
  }

  /** The log bounds its queue, so there is always room. */
  deliverStored(delivery: StoredDelivery, nowMs: number): void {
    const { message, qos, isReceived, seq, isRepeated } = delivery;
    const entry = newEntry(message, qos, delivery, seq, isRepeated);
    if (isReceived) {
      this.#inflight.add(entry);
      entry.isReleased = true;
      return;
    }
    const link = this.#link;
    if (link !== null && this.#isOpen(link, entry)) this.#sendNew(link, entry, nowMs);
    else this.#enqueue(entry, nowMs);
  }

  /** The log has given this place up; what is under way stays. */
  storedDiscarded(seq: number): void {
    this.#queue?.discard(seq);
  }

  /** The log has the PUBREC of this place. */
  storedReceived(seq: number): void {
    const entry = this.#inflight.atPlace(seq);
    if (entry?.seq === seq && entry.isReceived && !entry.isReleased) this.#release(entry);
  }

  /** The log has it that this place is done with. */
  storedCompleted(seq: number, nowMs: number): void {
    if (this.#inflight.freePlace(seq)) this.drain(nowMs);
  }

  /**
   * Sends what the window and the socket have room for: first what is to be repeated, then the
   * queue.
   */
  drain(nowMs: number): void {
    // Nearly every acknowledgement finds nothing waiting.
    if (this.#resend.length === 0 && this.queuedCount === 0) return;
    for (let link = this.#link; link !== null && !link.effects.isCongested(); link = this.#link) {
      if (this.#resendAt < this.#resend.length) {
        if (!this.#resendNext(link, nowMs)) return;
      } else if (!this.#sendNext(link, nowMs)) {
        return;
      }
    }
  }

  /** PUBACK: ends a QoS 1 exchange [MQTT-4.3.2-3]. */
  acknowledge(packet: AckPacket, nowMs: number): void {
    const entry = this.#inflight.get(packet.messageId);
    if (entry === undefined) {
      this.#unexpectedAckCount += 1;
      return;
    }
    if (entry.qos !== 1) throw protocolError("PUBACK for a QoS 2 PUBLISH");
    this.#complete(entry, nowMs);
  }

  /** PUBREC: the client owns the message now; PUBREL follows [MQTT-4.3.3-4]. */
  received(link: Link, packet: AckPacket, nowMs: number): void {
    const { messageId } = packet;
    const entry = this.#inflight.get(messageId);
    if (entry === undefined) {
      this.#unexpectedAckCount += 1;
      // Section 3.6.2.1; in 3.1.1 the client gets its PUBREL and can let go. An error expects no
      // answer.
      if (packet.reasonCode >= FIRST_FAILURE_CODE) return;
      const reasonCode = ReasonCode.packetIdentifierNotFound;
      link.effects.send({ cmd: "pubrel", messageId, reasonCode });
      return;
    }
    if (entry.qos !== 2) throw protocolError("PUBREC for a QoS 1 PUBLISH");
    if (packet.reasonCode >= FIRST_FAILURE_CODE && !entry.isReleased) {
      // [MQTT-4.4.0-2] An error ends the exchange.
      this.#complete(entry, nowMs);
      return;
    }
    if (entry.seq > 0 && !entry.isReleased) {
      // After PUBREL the client forgets the identifier: by then every node must know that the message is never sent again.
      if (!entry.isReceived) link.effects.storedReceived(entry.seq);
      entry.isReceived = true;
      return;
    }
    this.#release(entry);
  }

  /** PUBCOMP: ends a QoS 2 exchange. */
  complete(packet: AckPacket, nowMs: number): void {
    const entry = this.#inflight.get(packet.messageId);
    if (entry === undefined) {
      this.#unexpectedAckCount += 1;
      return;
    }
    if (!entry.isReleased) throw protocolError("PUBCOMP before PUBREL");
    this.#complete(entry, nowMs);
  }

  #release(entry: OutboundEntry): void {
    // [MQTT-4.3.3-6] Once released, the PUBLISH is never sent again; [MQTT-4.6.0-4] the order is
    // that of PUBREC.
    if (!entry.isReleased) this.#inflight.moveToReleased(entry);
    const { packetId: messageId } = entry;
    this.#link?.effects.send({ cmd: "pubrel", messageId, reasonCode: ReasonCode.success });
  }

  #deliverQos0(message: ApplicationMessage, options: DeliveryOptions, nowMs: number): void {
    const link = this.#link;
    if (link === null) {
      this.#drop(message, "not-connected");
      return;
    }
    if (link.effects.isCongested()) {
      this.#drop(message, "slow-consumer");
      return;
    }
    if (message instanceof PassingMessage) {
      if (!pass(link, message, options)) this.#drop(message, "packet-too-large");
      return;
    }
    const { retain, identifiers } = options;
    const delivery = { message, qos: 0, retain, identifiers, packetId: 0 } as const;
    if (nowMs > expiresAtMs(message)) this.#drop(message, "expired");
    else if (!transmit(link, delivery, false, nowMs)) this.#drop(message, "packet-too-large");
  }

  /** Nothing is ahead of a new message, and window and socket have room for it. */
  #isOpen(link: Link, entry: OutboundEntry): boolean {
    return (
      (this.#queue === null || this.#queue.length === 0) &&
      this.#inflight.hasRoomFor(entry) &&
      this.#resendAt >= this.#resend.length &&
      this.#inflight.size < link.sendWindow &&
      !link.effects.isCongested()
    );
  }

  /**
   * Repeats one entry with its own packet identifier [MQTT-4.4.0-1]; false when the window is full.
   * Expired or not: once sent, it is finished [MQTT-4.3.3-7].
   */
  #resendNext(link: Link, nowMs: number): boolean {
    const entry = this.#resend[this.#resendAt]!;
    const isOpen = this.#inflight.get(entry.packetId) === entry && !entry.isOnWire;
    // [MQTT-3.3.4-9]
    const needsWindow = isOpen && !entry.isReleased;
    if (needsWindow && this.#onWireCount >= link.sendWindow) return false;
    this.#resendAt += 1;
    if (this.#resendAt === this.#resend.length) this.#endResend();
    if (!isOpen) return true;
    if (entry.isReleased) {
      const { packetId } = entry;
      link.effects.send({ cmd: "pubrel", messageId: packetId, reasonCode: ReasonCode.success });
      return true;
    }
    // [MQTT-3.3.1-1]
    this.#sendEntry(link, entry, true, nowMs);
    return true;
  }

  /** Sends the head of the queue; false when there is none or the window is full. */
  #sendNext(link: Link, nowMs: number): boolean {
    // [MQTT-3.3.4-9]
    if (this.#inflight.size >= link.sendWindow) return false;
    const queue = this.#queue;
    const entry = queue?.peek();
    if (!queue || entry === undefined || !this.#inflight.hasRoomFor(entry)) return false;
    queue.shift();
    if (queue.isTooOld(entry, nowMs) && !mayHaveBegun(entry)) {
      this.#drop(entry.message, "queue-age");
      this.#storedCompleted(entry);
    } else this.#sendNew(link, entry, nowMs);
    return true;
  }

  #sendNew(link: Link, entry: OutboundEntry, nowMs: number): void {
    // [MQTT-3.3.2-5]
    if (nowMs > expiresAtMs(entry.message) && !mayHaveBegun(entry)) {
      this.#drop(entry.message, "expired");
      this.#storedCompleted(entry);
      return;
    }
    this.#inflight.add(entry);
    this.#sentSeq = Math.max(this.#sentSeq, entry.seq);
    // [MQTT-4.3.2-2] and [MQTT-4.3.3-2]
    this.#sendEntry(link, entry, entry.isRepeated, nowMs);
  }

  #sendEntry(link: Link, entry: OutboundEntry, isDup: boolean, nowMs: number): void {
    entry.isOnWire = true;
    this.#onWireCount += 1;
    if (transmit(link, entry, isDup, nowMs)) return;
    // [MQTT-3.1.2-25] What is too large for the client counts as delivered.
    this.#drop(entry.message, "packet-too-large");
    this.#forget(entry);
  }

  #endResend(): void {
    this.#resend = nothing;
    this.#resendAt = 0;
  }

  #complete(entry: OutboundEntry, nowMs: number): void {
    this.#forget(entry);
    this.drain(nowMs);
  }

  #forget(entry: OutboundEntry): void {
    this.#inflight.delete(entry.packetId);
    if (entry.isOnWire) this.#onWireCount -= 1;
    entry.isOnWire = false;
    this.#storedCompleted(entry);
  }

  #storedCompleted({ seq, qos }: OutboundEntry): void {
    if (seq === 0) return;
    if (qos === 2) this.#inflight.holdPlace(seq);
    this.#effects?.storedCompleted(seq);
  }

  #drop(message: ApplicationMessage, reason: DropReason): void {
    this.#droppedCount += 1;
    this.#effects?.dropped(message, reason);
  }
}

/** [MQTT-4.3.3-7] An exchange at QoS 2 that may have begun goes on. */
function mayHaveBegun({ isRepeated, qos }: OutboundEntry): boolean {
  return isRepeated && qos === 2;
}

/** Field by field: a copy by spread costs several times as much, and this is done for every delivery. */
function newEntry(
  message: ApplicationMessage,
  qos: Qos,
  { retain, identifiers }: Pick<DeliveryOptions, "retain" | "identifiers">,
  seq = 0,
  isRepeated = false,
): OutboundEntry {
  return {
    message,
    qos,
    retain,
    identifiers,
    seq,
    isRepeated,
    queuedAtMs: 0,
    packetId: 0,
    order: 0,
    isReceived: false,
    isReleased: false,
    isOnWire: false,
  };
}
