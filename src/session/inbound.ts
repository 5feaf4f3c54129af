import { MqttError, protocolError } from "../mqtt/errors.ts";
import type { ApplicationMessage } from "../mqtt/message.ts";
import type { AckPacket, PublishPacket, PublishProperties } from "../mqtt/packets.ts";
import { PassingMessage } from "../mqtt/passing-message.ts";
import { FIRST_FAILURE_CODE, ReasonCode, reasonText } from "../mqtt/reason-code.ts";
import { legalReasonCode, PUBACK_CODES } from "../mqtt/reason-sets.ts";
import { ReceivedPublish } from "../mqtt/received-publish.ts";
import { AckQueue, isQos2, packetIdOf, reasonCodeOf } from "./ack-queue.ts";
import type { Link } from "./link.ts";

/** What is known of a QoS 2 packet identifier between its first PUBLISH and its PUBREL. */
const SETTLED = 1;
/** It counts for the Receive Maximum of this connection. */
const COUNTED = 2;
/** Its PUBREC stands in the queue of this connection. */
const WAITING = 4;
/** Its PUBREL is on the way to the log. */
const RELEASING = 8;

/**
 * The receiving side of a session: section 4.3 for PUBLISHes from the client. Methods that take a
 * packet throw MqttError when the connection must end.
 */
export class Inbound {
  readonly #clientId: string;
  readonly #isStored: boolean;
  readonly #acks = new AckQueue();
  /** null until there is one: most clients publish nothing at QoS 2. */
  #qos2: Map<number, number> | null = null;
  /**
   * QoS 2 messages whose connection went away before they were settled: token -> packet identifier.
   */
  #orphans: Map<number, number> | null = null;
  #passing: PassingMessage | null = null;
  #link: Link | null = null;
  #unacknowledged = 0;

  constructor(clientId: string, isStored: boolean, receivedQos2: Iterable<number>) {
    this.#clientId = clientId;
    this.#isStored = isStored;
    for (const packetId of receivedQos2) this.#setFlags(packetId, SETTLED);
  }

  /**
   * Received, accepted and not yet released. Unsettled ones are left out: their client has no
   * PUBREC and resends.
   */
  get receivedQos2(): number[] {
    const packetIds: number[] = [];
    for (const [packetId, flags] of this.#qos2 ?? []) {
      if ((flags & SETTLED) !== 0) packetIds.push(packetId);
    }
    return packetIds;
  }

  attach(link: Link): void {
    this.#link = link;
  }

  detach(): void {
    this.#link = null;
    // Section 4.9: the quota is not kept across connections.
    this.#unacknowledged = 0;
    const acks = this.#acks.drain();
    if (this.#qos2 === null) return;
    const known = new Set(this.#orphans?.values());
    for (const ack of acks) {
      if (!ack.isQos2) continue;
      if (!ack.isSettled && !known.has(ack.packetId)) this.#addOrphan(ack.token, ack.packetId);
      if (ack.isSettled && ack.reasonCode >= FIRST_FAILURE_CODE) this.#qos2.delete(ack.packetId);
    }
    for (const [packetId, flags] of this.#qos2) {
      this.#qos2.set(packetId, flags & (SETTLED | RELEASING));
    }
  }

  publish(link: Link, packet: PublishPacket, nowMs: number): void {
    if (packet.qos === 0 && packet.properties === undefined && packet instanceof ReceivedPublish) {
      this.#pass(link, packet, nowMs);
      return;
    }
    const message = this.#toMessage(link, packet, nowMs);
    switch (packet.qos) {
      case 0:
        link.effects.publish(message, 0, 0);
        return;
      case 1:
        this.#admit(link);
        link.effects.publish(message, this.#acks.push(packet.messageId!, false), 0);
        return;
      case 2:
        this.#publishQos2(link, packet.messageId!, message);
    }
  }

  /** PUBREL [MQTT-4.3.3-11]. */
  release(link: Link, packet: AckPacket): void {
    const packetId = packet.messageId;
    const flags = this.#qos2?.get(packetId);
    if (flags === undefined) {
      // Section 3.7.2.1; 3.1.1 knows no reason and completes the exchange all the same.
      const reasonCode = ReasonCode.packetIdentifierNotFound;
      link.effects.send({ cmd: "pubcomp", messageId: packetId, reasonCode });
      return;
    }
    if ((flags & SETTLED) === 0 || (flags & WAITING) !== 0) {
      throw protocolError(`PUBREL for packet identifier ${packetId} before its PUBREC`);
    }
    // [MQTT-4.3.3-12]
    if (!this.#isStored) {
      this.#complete(packetId, flags);
      return;
    }
    // After PUBCOMP the client may use the identifier for another message: by then no node may take that for a repetition.
    if ((flags & RELEASING) !== 0) return;
    this.#mark(packetId, RELEASING);
    link.effects.release(packetId);
  }

  /** The log has forgotten the packet identifier. */
  released(packetId: number): void {
    const flags = this.#qos2?.get(packetId);
    if (flags !== undefined && (flags & RELEASING) !== 0) this.#complete(packetId, flags);
  }

  /**
   * The broker kept (or refused) what was published under `token`. Late and unknown tokens are
   * ignored.
   * @throws MqttError with `reasonCode` when a 3.1.1 client cannot be told of a failure
   */
  settle(token: number, reasonCode: number): void {
    if (this.#settleOrphan(token, reasonCode)) {
      this.#flush();
      return;
    }
    if (!this.#acks.settle(token, reasonCode)) return;
    const packetId = this.#acks.qos2PacketId(token);
    // Received from this moment on, even if the connection goes before the PUBREC has its turn.
    if (packetId > 0 && reasonCode < FIRST_FAILURE_CODE) this.#mark(packetId, SETTLED);
    if (this.#link !== null) refuseWithoutReasonCodes(this.#link, reasonCode);
    this.#flush();
  }

  /** Most messages are over when all their subscribers have them: nothing is made for one. */
  #pass(link: Link, packet: ReceivedPublish, nowMs: number): void {
    this.#passing ??= new PassingMessage(this.#clientId);
    const message = this.#passing;
    message.begin(packet, nowMs);
    try {
      link.effects.publish(message, 0, 0);
    } finally {
      message.end();
    }
  }

  #complete(packetId: number, flags: number): void {
    this.#qos2?.delete(packetId);
    if ((flags & COUNTED) !== 0) this.#unacknowledged -= 1;
    const reasonCode = ReasonCode.success;
    this.#link?.effects.send({ cmd: "pubcomp", messageId: packetId, reasonCode });
  }

  #publishQos2(link: Link, packetId: number, message: ApplicationMessage): void {
    let flags = this.#qos2?.get(packetId);
    if (flags === undefined) {
      this.#admit(link);
      this.#setFlags(packetId, COUNTED | WAITING);
      link.effects.publish(message, this.#acks.push(packetId, true), packetId);
      return;
    }
    // [MQTT-4.3.3-10] Until PUBREL a repeated PUBLISH is acknowledged and not published again.
    if ((flags & COUNTED) === 0) this.#admit(link);
    flags |= COUNTED;
    if ((flags & WAITING) === 0) {
      const token = this.#acks.push(packetId, true);
      if ((flags & SETTLED) !== 0) this.#acks.settle(token, ReasonCode.success);
      flags |= WAITING;
    }
    this.#setFlags(packetId, flags);
    this.#flush();
  }

  /** [MQTT-3.3.4-7] */
  #admit(link: Link): void {
    if (this.#unacknowledged >= link.receiveMaximum) {
      throw new MqttError(
        ReasonCode.receiveMaximumExceeded,
        `more than ${link.receiveMaximum} unacknowledged PUBLISHes`,
      );
    }
    this.#unacknowledged += 1;
  }

  #settleOrphan(token: number, reasonCode: number): boolean {
    const packetId = this.#orphans?.get(token);
    if (packetId === undefined) return false;
    this.#orphans?.delete(token);
    const flags = this.#qos2?.get(packetId);
    if (flags === undefined) return true;
    if ((flags & WAITING) !== 0) this.#acks.settleQos2(packetId, reasonCode);
    if (reasonCode < FIRST_FAILURE_CODE) this.#mark(packetId, SETTLED);
    else if ((flags & WAITING) === 0) this.#qos2?.delete(packetId);
    return true;
  }

  #setFlags(packetId: number, flags: number): void {
    this.#qos2 ??= new Map();
    this.#qos2.set(packetId, flags);
  }

  #addOrphan(token: number, packetId: number): void {
    this.#orphans ??= new Map();
    this.#orphans.set(token, packetId);
  }

  #mark(packetId: number, flag: number): void {
    this.#setFlags(packetId, (this.#qos2?.get(packetId) ?? 0) | flag);
  }

  /** Sends what is settled, up to the first that is not. */
  #flush(): void {
    const link = this.#link;
    if (link === null) return;
    for (let ack = this.#acks.shiftSettled(); ack !== 0; ack = this.#acks.shiftSettled()) {
      const messageId = packetIdOf(ack);
      const reasonCode = legalReasonCode(reasonCodeOf(ack), PUBACK_CODES);
      if (isQos2(ack)) this.#settleQos2(messageId, reasonCode);
      else this.#unacknowledged -= 1;
      refuseWithoutReasonCodes(link, reasonCode);
      // [MQTT-4.3.2-4] and [MQTT-4.3.3-8]
      link.effects.send({ cmd: isQos2(ack) ? "pubrec" : "puback", messageId, reasonCode });
      if (this.#link !== link) return;
    }
  }

  #settleQos2(packetId: number, reasonCode: number): void {
    const flags = this.#qos2?.get(packetId) ?? 0;
    if (reasonCode < FIRST_FAILURE_CODE) {
      this.#setFlags(packetId, (flags | SETTLED) & ~WAITING);
      return;
    }
    // [MQTT-4.3.3-9] A PUBREC with an error ends the exchange.
    this.#qos2?.delete(packetId);
    if ((flags & COUNTED) !== 0) this.#unacknowledged -= 1;
  }

  #toMessage(link: Link, packet: PublishPacket, nowMs: number): ApplicationMessage {
    const properties = packet.properties ?? null;
    const alias = properties?.topicAlias;
    return {
      topic: alias === undefined ? packet.topic : link.inboundAliases.resolve(packet.topic, alias),
      payload: packet.payload,
      qos: packet.qos,
      retain: packet.retain,
      properties:
        properties === null || alias === undefined ? properties : withoutAlias(properties),
      receivedAtMs: nowMs,
      publisherId: this.#clientId,
      version: 0,
      wire: null,
    };
  }
}

/** [MQTT-3.3.5-2] of 3.1.1: without a negative acknowledgement the connection closes. */
function refuseWithoutReasonCodes(link: Link, reasonCode: number): void {
  if (reasonCode < FIRST_FAILURE_CODE || link.version === 5) return;
  throw new MqttError(reasonCode, reasonText(reasonCode));
}

/** An alias belongs to one connection and never travels on. */
function withoutAlias(properties: PublishProperties): PublishProperties | null {
  const { topicAlias: _, ...rest } = properties;
  for (const _name in rest) return rest;
  return null;
}
