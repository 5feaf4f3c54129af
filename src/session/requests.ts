import { protocolError } from "../mqtt/errors.ts";
import type { SubscribePacket, UnsubscribePacket } from "../mqtt/packets.ts";
import { ReasonCode } from "../mqtt/reason-code.ts";
import { legalReasonCode, SUBACK_CODES, UNSUBACK_CODES } from "../mqtt/reason-sets.ts";
import { isSharedFilter, isValidTopicFilter } from "../mqtt/topic.ts";
import type { Link } from "./link.ts";

/** A SUBSCRIBE or UNSUBSCRIBE that the broker has not answered. */
interface PendingRequest {
  readonly cmd: "suback" | "unsuback";
  readonly messageId: number;
  /** One per filter of the packet; OPEN where the broker is to say. */
  readonly codes: number[];
}

const OPEN = -1;

/** Beyond this a client that never waits for an answer is told 0x97 for each filter. */
export const PENDING_REQUESTS_MAX = 1024;

/**
 * SUBSCRIBE and UNSUBSCRIBE of one session, sections 3.8 to 3.11. What comes too late for its
 * connection is dropped.
 */
export class Requests {
  /** null while nothing is unanswered, which is nearly always. */
  #pending: Map<number, PendingRequest> | null = null;
  #link: Link | null = null;
  #lastToken = 0;

  attach(link: Link): void {
    this.#link = link;
  }

  detach(): void {
    this.#link = null;
    this.#pending = null;
  }

  /** @throws MqttError 0x82 */
  subscribe(link: Link, packet: SubscribePacket): void {
    const { subscriptions, messageId } = packet;
    const identifier = packet.properties?.subscriptionIdentifier ?? 0;
    // Section 3.8.2.1.2
    if (packet.properties?.subscriptionIdentifier === 0) throw protocolError("identifier 0");
    for (const request of subscriptions) {
      // [MQTT-3.8.3-4]
      if (request.nl && isSharedFilter(request.topic)) {
        throw protocolError("No Local on a shared subscription");
      }
    }
    const filters = subscriptions.map((request) => request.topic);
    const pending = this.#open("suback", messageId, filters);
    const valid = subscriptions.filter((_, index) => pending.codes[index] === OPEN);
    if (valid.length === 0) this.#answer(link, pending);
    else link.effects.subscribe(this.#register(pending), valid, identifier);
  }

  unsubscribe(link: Link, packet: UnsubscribePacket): void {
    const pending = this.#open("unsuback", packet.messageId, packet.unsubscriptions);
    const valid = packet.unsubscriptions.filter((_, index) => pending.codes[index] === OPEN);
    if (valid.length === 0) this.#answer(link, pending);
    else link.effects.unsubscribe(this.#register(pending), valid);
  }

  /** The broker's answer: one reason code for each request that it was given. */
  settle(token: number, reasonCodes: readonly number[]): void {
    const all = this.#pending;
    const pending = all?.get(token);
    if (pending === undefined || this.#link === null) return;
    if (all?.delete(token) && all.size === 0) this.#pending = null;
    let next = 0;
    for (let index = 0; index < pending.codes.length; index += 1) {
      if (pending.codes[index] !== OPEN) continue;
      pending.codes[index] = reasonCodes[next] ?? ReasonCode.unspecifiedError;
      next += 1;
    }
    this.#answer(this.#link, pending);
  }

  #open(cmd: PendingRequest["cmd"], messageId: number, filters: readonly string[]): PendingRequest {
    const refusal = this.#refusal(messageId);
    const codes = filters.map((filter) => {
      if (refusal !== null) return refusal;
      // [MQTT-4.7.1-1], [MQTT-4.7.1-2], [MQTT-4.7.3-1], [MQTT-4.8.2-1], [MQTT-4.8.2-2]
      return isValidTopicFilter(filter) ? OPEN : ReasonCode.topicFilterInvalid;
    });
    return { cmd, messageId, codes };
  }

  #refusal(messageId: number): number | null {
    if (this.#pending === null) return null;
    if (this.#pending.size >= PENDING_REQUESTS_MAX) return ReasonCode.quotaExceeded;
    for (const pending of this.#pending.values()) {
      // [MQTT-2.2.1-3]
      if (pending.messageId === messageId) return ReasonCode.packetIdentifierInUse;
    }
    return null;
  }

  #register(pending: PendingRequest): number {
    this.#lastToken += 1;
    this.#pending ??= new Map();
    this.#pending.set(this.#lastToken, pending);
    return this.#lastToken;
  }

  /**
   * [MQTT-3.8.4-1], [MQTT-3.8.4-2], [MQTT-3.8.4-6]; [MQTT-3.10.4-4], [MQTT-3.10.4-5],
   * [MQTT-3.11.3-1]
   */
  #answer(link: Link, pending: PendingRequest): void {
    const allowed = pending.cmd === "suback" ? SUBACK_CODES : UNSUBACK_CODES;
    const granted = pending.codes.map((code) => legalReasonCode(code, allowed));
    link.effects.send({ cmd: pending.cmd, messageId: pending.messageId, granted });
  }
}
