import type { ApplicationMessage } from "../mqtt/message.ts";
import type {
  AuthPacket,
  ConnectPacket,
  InboundPacket,
  OutboundPacket,
  ProtocolVersion,
  Qos,
  SubscriptionRequest,
} from "../mqtt/packets.ts";

/** A subscription as the session holds it. */
export interface Subscription {
  /** As in SUBSCRIBE, with `$share/...` if shared. */
  readonly filter: string;
  readonly qos: Qos;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: 0 | 1 | 2;
  /** 0 = none. */
  readonly identifier: number;
}

/** How one message goes to one session, after overlapping subscriptions were merged. */
export interface DeliveryOptions {
  /** The highest QoS among the matching subscriptions; delivered at the lower of this and the message's. */
  readonly qos: Qos;
  /** The retain flag on the wire. */
  readonly retain: boolean;
  readonly identifiers: readonly number[];
}

/** One PUBLISH to a client as the session decided it; the connection encodes it (shared forms where possible). */
export interface OutboundPublish {
  readonly message: ApplicationMessage;
  readonly qos: Qos;
  readonly dup: boolean;
  readonly retain: boolean;
  /** 0 at QoS 0. */
  readonly packetId: number;
  readonly identifiers: readonly number[];
  /** 0 = none; with `isTopicOmitted` the alias alone goes on the wire. */
  readonly topicAlias: number;
  readonly isTopicOmitted: boolean;
  /** Seconds left of the message expiry interval, -1 = none. */
  readonly expirySecondsLeft: number;
}

export type DropReason =
  | "queue-full"
  | "queue-size"
  | "queue-age"
  | "expired"
  | "packet-too-large"
  | "not-connected"
  | "slow-consumer";

/**
 * What a session asks of the world. Called synchronously and in order; a test records the calls. The session
 * itself has no socket, timer or clock.
 */
export interface SessionEffects {
  send(packet: OutboundPacket): void;
  /** `publish` is the session's own, and another one after the next call. */
  sendPublish(publish: OutboundPublish): void;
  /** True while the client reads too slowly: QoS 0 is dropped (counted), QoS 1/2 waits in the session's queue. */
  isCongested(): boolean;
  /**
   * An inbound message passed every check of the protocol. For QoS > 0 the broker calls `publishSettled(token, reasonCode)`
   * once what the acknowledgement promises is true. Tokens are > 0 for QoS > 0 and 0 for QoS 0. `packetId` is that of a QoS 2
   * message, else 0. Whoever keeps a message of QoS 0 beyond the call takes `keptMessage` of it.
   */
  publish(message: ApplicationMessage, token: number, packetId: number): void;
  /** Answered by `subscribed(token, reasonCodes)`, one per request. */
  subscribe(token: number, requests: readonly SubscriptionRequest[], identifier: number): void;
  /** Answered by `unsubscribed(token, reasonCodes)`. */
  unsubscribe(token: number, filters: readonly string[]): void;
  /** An AUTH with the method of the CONNECT, on a connection that goes on (MQTT 5, section 4.12.1). */
  authenticate(packet: AuthPacket, method: string): void;
  /** The connection ends. The session has already sent the DISCONNECT where the version has one. 0 = the client said goodbye. */
  close(reasonCode: number, detail: string): void;
  dropped(message: ApplicationMessage, reason: DropReason): void;
  /**
   * A stored message is done with: acknowledged, expired, or more than the client takes. Answered by `storedCompleted(seq)` when the
   * log has it.
   */
  storedCompleted(seq: number): void;
  /** The client said PUBREC for a stored message; answered by `storedReceived(seq)` when the log has it. */
  storedReceived(seq: number): void;
  /** A stored session's client said PUBREL; answered by `released(packetId)` when the log has it. */
  release(packetId: number): void;
}

/** A message from the queue that the log keeps for a session. */
export interface StoredDelivery {
  /** Its place in the queue, from 1; the packet identifier follows from it, so that any node gives it the same. */
  readonly seq: number;
  readonly message: ApplicationMessage;
  readonly qos: Qos;
  readonly retain: boolean;
  readonly identifiers: readonly number[];
  /** An earlier connection may have sent it. */
  readonly isRepeated: boolean;
  /** The client has said PUBREC to an earlier connection: it gets PUBREL. */
  readonly isReceived: boolean;
}

/** What of a session the log keeps, besides its queue. */
export interface StoredSessionState {
  readonly subscriptions: Iterable<Subscription>;
  /** QoS 2 packet identifiers received and not yet released by the client. */
  readonly inboundQos2: Iterable<number>;
}

export interface SessionLimits {
  /** QoS 1/2 messages that wait because the send window is full or the client is away. */
  readonly queuedMessagesMax: number;
  readonly queuedSizeBytesMax: number;
  /** How long such a message waits; 0 = as long as its own expiry interval lets it. */
  readonly queuedAgeSecondsMax: number;
  /** Which one goes when there is no room: the one that comes, or the oldest that waits. */
  readonly queuedDrop: "newest" | "oldest";
  /** Told to the client in CONNACK; more unacknowledged QoS 1/2 than this is a protocol error (0x93). */
  readonly receiveMaximum: number;
  readonly topicAliasMaximum: number;
  /** Aliases that we use towards a client that allows them; 0 = never. */
  readonly outboundTopicAliasMax: number;
}

/**
 * One client's protocol state. Of a stored session the log keeps all that must outlive the connection; every node can make it anew
 * from there. Implemented by `Session` in session.ts: `new Session(clientId, limits, stored)`.
 */
export interface SessionCore {
  readonly clientId: string;
  /** The log keeps it: what is acknowledged at QoS > 0 goes through the `stored` effects. */
  readonly isStored: boolean;
  readonly isConnected: boolean;
  readonly protocolVersion: ProtocolVersion;
  /** As agreed in CONNECT/CONNACK and changed by DISCONNECT; 0xFFFFFFFF = never expires. */
  readonly sessionExpirySeconds: number;
  readonly subscriptions: ReadonlyMap<string, Subscription>;
  readonly inflightCount: number;
  readonly queuedCount: number;
  /** False after DISCONNECT 0x00 (in 3.1.1 after any DISCONNECT), true again from the next `attach` [MQTT-3.14.4-3]. */
  readonly isWillWanted: boolean;
  /**
   * A connection takes the session. The broker sends CONNACK first, then calls this; unacknowledged messages are
   * resent (DUP) [MQTT-4.4.0-1] and the queue goes on.
   */
  attach(connect: ConnectPacket, effects: SessionEffects, nowMs: number): void;
  /** The connection is gone; read `isWillWanted` before or after. */
  detach(nowMs: number): void;
  /** Everything but CONNECT. Protocol violations end in `effects.close`. */
  receive(packet: InboundPacket, nowMs: number): void;
  publishSettled(token: number, reasonCode: number): void;
  subscribed(token: number, reasonCodes: readonly number[]): void;
  unsubscribed(token: number, reasonCodes: readonly number[]): void;
  /** Called by the broker when a subscription really exists (or is gone), before `subscribed`. */
  addSubscription(subscription: Subscription): void;
  removeSubscription(filter: string): void;
  deliver(message: ApplicationMessage, options: DeliveryOptions, nowMs: number): void;
  /** From the queue in the log; once for each `seq`, ascending. Before `attach` it waits for the connection. */
  deliverStored(delivery: StoredDelivery, nowMs: number): void;
  /** The log has given this place up for a newer message: it is not sent unless that has happened. */
  storedDiscarded(seq: number): void;
  /** The log has it that this place is done with: its packet identifier may be used anew. */
  storedCompleted(seq: number, nowMs: number): void;
  /** The log has the PUBREC: PUBREL goes out. */
  storedReceived(seq: number): void;
  /** The log has the PUBREL: PUBCOMP goes out. */
  released(packetId: number): void;
  /** The highest place in the queue that any connection of this object was given; 0 = none. */
  readonly sentSeq: number;
  /** The socket drained: send what waits. */
  resume(nowMs: number): void;
  /**
   * Server-side end: sends DISCONNECT (MQTT 5 only), then `effects.close`. `serverReference`: where the client is to go (MQTT 5,
   * 4.11); empty = nowhere in particular.
   */
  disconnect(reasonCode: number, detail: string, serverReference?: string): void;
}
