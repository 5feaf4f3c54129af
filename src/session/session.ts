import { MqttError, protocolError } from "../mqtt/errors.ts";
import type { ApplicationMessage } from "../mqtt/message.ts";
import type {
  AuthPacket,
  ConnectPacket,
  DisconnectPacket,
  InboundPacket,
  ProtocolVersion,
} from "../mqtt/packets.ts";
import { ReasonCode } from "../mqtt/reason-code.ts";
import { legalReasonCode, SERVER_DISCONNECT_CODES } from "../mqtt/reason-sets.ts";
import { Inbound } from "./inbound.ts";
import { createLink, type Link } from "./link.ts";
import { Outbound } from "./outbound.ts";
import { Requests } from "./requests.ts";
import type {
  DeliveryOptions,
  SessionCore,
  SessionEffects,
  SessionLimits,
  StoredDelivery,
  StoredSessionState,
  Subscription,
} from "./session-api.ts";

/**
 * A session that never expires [section 3.1.2.11.2]; what a 3.1.1 client asks for with CleanSession
 * 0.
 */
export const SESSION_NEVER_EXPIRES = 0xffff_ffff;

/** The detail goes to the client in full up to this; beyond it is left out. */
const REASON_STRING_SIZE_BYTES_MAX = 1024;

/** Header, reason code, property length, and identifier and length of the reason string. */
const DISCONNECT_OVERHEAD_SIZE_BYTES = 9;

/** Of whoever has none; most clients that are connected do little, and a Map without entries takes 184 bytes. */
const noSubscriptions: ReadonlyMap<string, Subscription> = new Map();

/** Identifier and length of a text property. */
const PROPERTY_OVERHEAD_SIZE_BYTES = 3;

/**
 * One client's protocol state. The broker gives a client with Clean Start a new one [MQTT-3.1.2-4];
 * calls after the connection ended (late packets, late settlements) are harmless.
 */
export class Session implements SessionCore {
  readonly clientId: string;
  readonly isStored: boolean;
  readonly #limits: SessionLimits;
  #subscriptions: Map<string, Subscription> | null = null;
  readonly #inbound: Inbound;
  readonly #outbound: Outbound;
  readonly #requests = new Requests();
  #link: Link | null = null;
  #protocolVersion: ProtocolVersion = 4;
  #sessionExpirySeconds = 0;
  #isWillWanted = true;

  /** `stored`: what the log keeps of it; left out when the session ends with its connection. */
  constructor(clientId: string, limits: SessionLimits, stored?: StoredSessionState) {
    this.clientId = clientId;
    this.isStored = stored !== undefined;
    this.#limits = limits;
    this.#inbound = new Inbound(clientId, this.isStored, stored?.inboundQos2 ?? []);
    this.#outbound = new Outbound(limits, this.isStored);
    for (const subscription of stored?.subscriptions ?? []) this.addSubscription(subscription);
  }

  /** QoS 2 packet identifiers received, accepted and not yet released. */
  get receivedQos2(): readonly number[] {
    return this.#inbound.receivedQos2;
  }

  get isConnected(): boolean {
    return this.#link !== null;
  }

  get protocolVersion(): ProtocolVersion {
    return this.#protocolVersion;
  }

  get sessionExpirySeconds(): number {
    return this.#sessionExpirySeconds;
  }

  get subscriptions(): ReadonlyMap<string, Subscription> {
    return this.#subscriptions ?? noSubscriptions;
  }

  get inflightCount(): number {
    return this.#outbound.inflightCount;
  }

  get queuedCount(): number {
    return this.#outbound.queuedCount;
  }

  get isWillWanted(): boolean {
    return this.#isWillWanted;
  }

  /** Messages that were not delivered, for any reason, since this object exists. */
  get droppedCount(): number {
    return this.#outbound.droppedCount;
  }

  /** PUBACK, PUBREC and PUBCOMP for packet identifiers not in use; they are ignored. */
  get unexpectedAckCount(): number {
    return this.#outbound.unexpectedAckCount;
  }

  attach(connect: ConnectPacket, effects: SessionEffects, nowMs: number): void {
    this.#unlink();
    const link = createLink(connect, effects, this.#limits);
    this.#link = link;
    this.#protocolVersion = connect.protocolVersion;
    this.#sessionExpirySeconds = requestedExpirySeconds(connect);
    this.#isWillWanted = true;
    this.#inbound.attach(link);
    this.#requests.attach(link);
    this.#outbound.attach(link, nowMs);
  }

  detach(_nowMs: number): void {
    this.#unlink();
  }

  receive(packet: InboundPacket, nowMs: number): void {
    const link = this.#link;
    if (link === null) return;
    try {
      this.#dispatch(link, packet, nowMs);
    } catch (error) {
      this.#fail(error);
    }
  }

  publishSettled(token: number, reasonCode: number): void {
    try {
      this.#inbound.settle(token, reasonCode);
    } catch (error) {
      this.#fail(error);
    }
  }

  subscribed(token: number, reasonCodes: readonly number[]): void {
    this.#requests.settle(token, reasonCodes);
  }

  unsubscribed(token: number, reasonCodes: readonly number[]): void {
    this.#requests.settle(token, reasonCodes);
  }

  addSubscription(subscription: Subscription): void {
    // [MQTT-3.8.4-3] The same filter replaces.
    this.#subscriptions ??= new Map();
    this.#subscriptions.set(subscription.filter, subscription);
  }

  removeSubscription(filter: string): void {
    this.#subscriptions?.delete(filter);
  }

  deliver(message: ApplicationMessage, options: DeliveryOptions, nowMs: number): void {
    this.#outbound.deliver(message, options, nowMs);
  }

  get sentSeq(): number {
    return this.#outbound.sentSeq;
  }

  deliverStored(delivery: StoredDelivery, nowMs: number): void {
    this.#outbound.deliverStored(delivery, nowMs);
  }

  storedDiscarded(seq: number): void {
    this.#outbound.storedDiscarded(seq);
  }

  storedCompleted(seq: number, nowMs: number): void {
    this.#outbound.storedCompleted(seq, nowMs);
  }

  storedReceived(seq: number): void {
    this.#outbound.storedReceived(seq);
  }

  released(packetId: number): void {
    this.#inbound.released(packetId);
  }

  resume(nowMs: number): void {
    this.#outbound.drain(nowMs);
  }

  disconnect(reasonCode: number, detail: string, serverReference = ""): void {
    const link = this.#link;
    if (link === null) return;
    this.#unlink();
    // 3.1.1 has no DISCONNECT from a server; the connection just closes.
    if (link.version === 5) {
      link.effects.send(composeDisconnect(link, reasonCode, detail, serverReference));
    }
    link.effects.close(reasonCode, detail);
  }

  #dispatch(link: Link, packet: InboundPacket, nowMs: number): void {
    switch (packet.cmd) {
      case "publish":
        return this.#inbound.publish(link, packet, nowMs);
      case "puback":
        return this.#outbound.acknowledge(packet, nowMs);
      case "pubrec":
        return this.#outbound.received(link, packet, nowMs);
      case "pubrel":
        return this.#inbound.release(link, packet);
      case "pubcomp":
        return this.#outbound.complete(packet, nowMs);
      case "subscribe":
        return this.#requests.subscribe(link, packet);
      case "unsubscribe":
        return this.#requests.unsubscribe(link, packet);
      case "pingreq":
        // [MQTT-3.12.4-1]
        return link.effects.send({ cmd: "pingresp" });
      case "disconnect":
        return this.#endByClient(link, packet);
      case "connect":
        // [MQTT-3.1.0-2]
        throw protocolError("a second CONNECT");
      case "auth":
        return this.#authenticate(link, packet);
    }
  }

  /** [MQTT-4.12.0-7] and [MQTT-4.12.1-1]: only after a CONNECT with an authentication method, and with that one. */
  #authenticate(link: Link, packet: AuthPacket): void {
    const { authenticationMethod: method } = link;
    if (method === null) throw protocolError("AUTH without enhanced authentication");
    if (packet.properties?.authenticationMethod !== method) {
      throw protocolError("AUTH with another method than CONNECT");
    }
    link.effects.authenticate(packet, method);
  }

  #endByClient(link: Link, packet: DisconnectPacket): void {
    const expirySeconds = packet.properties?.sessionExpiryInterval;
    if (expirySeconds !== undefined) {
      // Section 3.14.2.2.2: an interval of 0 in CONNECT is final.
      if (this.#sessionExpirySeconds === 0 && expirySeconds !== 0) {
        throw protocolError("DISCONNECT makes a session expiry interval of 0 longer");
      }
      this.#sessionExpirySeconds = expirySeconds;
    }
    // [MQTT-3.14.4-3] and [MQTT-3.1.2-10]: only a normal disconnection discards the Will.
    this.#isWillWanted = packet.reasonCode !== ReasonCode.normalDisconnection;
    this.#unlink();
    link.effects.close(ReasonCode.normalDisconnection, "the client disconnected");
  }

  /** [MQTT-4.13.1-1] and [MQTT-4.13.2-1] */
  #fail(error: unknown): void {
    if (!(error instanceof MqttError)) throw error;
    this.disconnect(error.reasonCode, error.message);
  }

  #unlink(): void {
    if (this.#link === null) return;
    this.#link = null;
    this.#inbound.detach();
    this.#outbound.detach();
    this.#requests.detach();
  }
}

function requestedExpirySeconds(connect: ConnectPacket): number {
  // [MQTT-3.1.2-6] of 3.1.1: CleanSession ends the session with the connection, else it has no end.
  if (connect.protocolVersion !== 5) return connect.clean ? 0 : SESSION_NEVER_EXPIRES;
  // Section 3.1.2.11.2: 0 when absent.
  return connect.properties?.sessionExpiryInterval ?? 0;
}

function composeDisconnect(
  link: Link,
  reasonCode: number,
  detail: string,
  serverReference: string,
): DisconnectPacket {
  const packet: DisconnectPacket = {
    cmd: "disconnect",
    reasonCode: legalReasonCode(reasonCode, SERVER_DISCONNECT_CODES),
  };
  // [MQTT-3.14.2-3] and [MQTT-3.1.2-24]: where to go is worth more than why.
  let room = link.maximumPacketSizeBytes - DISCONNECT_OVERHEAD_SIZE_BYTES;
  const referenceSizeBytes = Buffer.byteLength(serverReference) + PROPERTY_OVERHEAD_SIZE_BYTES;
  if (serverReference !== "" && referenceSizeBytes <= room) {
    packet.properties = { serverReference };
    room -= referenceSizeBytes;
  }
  if (detail !== "" && Buffer.byteLength(detail) <= Math.min(room, REASON_STRING_SIZE_BYTES_MAX)) {
    packet.properties = { ...packet.properties, reasonString: detail };
  }
  return packet;
}
