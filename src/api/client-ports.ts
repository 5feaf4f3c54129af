import type { Qos } from "../mqtt/packets.ts";

/** What the HTTP API needs to know of clients. */

export type ClientEventName =
  | "connected"
  | "disconnected"
  | "taken-over"
  | "kicked"
  | "subscribed"
  | "unsubscribed";

export interface ClientEvent {
  readonly timeMs: number;
  readonly event: ClientEventName;
  /** For people. */
  readonly detail: string;
}

/** What only the node of a client knows of it. */
export interface LocalClient {
  readonly clientId: string;
  readonly username: string | null;
  readonly protocolVersion: number;
  /** 0 = it is not watched. */
  readonly keepAliveSeconds: number;
  readonly remoteAddress: string;
  readonly connectedAtMs: number;
  readonly subscriptions: number;
  /** Messages that wait in the session, and those sent and not acknowledged. */
  readonly queued: number;
  readonly inflight: number;
  readonly sessionExpirySeconds: number;
  readonly isStored: boolean;
}

export interface SubscriptionState {
  /** As in SUBSCRIBE, with `$share/...` if shared. */
  readonly filter: string;
  readonly qos: Qos;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: 0 | 1 | 2;
  /** 0 = none. */
  readonly identifier: number;
}

/** The clients that are connected to this node. */
export interface LocalClientQueries {
  /** May change while it is walked. */
  ids(): Iterable<string>;
  get(clientId: string): LocalClient | null;
  subscriptionsOf(clientId: string): Iterable<SubscriptionState>;
  /** Oldest first; also of clients that have gone. */
  eventsOf(clientId: string): readonly ClientEvent[];
  /** Ends a client's connection with 0x98; false when it is not connected here. */
  kick(clientId: string, reason: string): boolean;
}

/** A connection that the log knows of. */
export interface ClientClaim {
  readonly nodeId: string;
  readonly expirySeconds: number;
  readonly will: ClientWill | null;
}

export interface ClientWill {
  readonly topic: string;
  readonly qos: Qos;
  readonly retain: boolean;
  readonly delaySeconds: number;
}

/** A session that outlives its connection, as the log knows it. */
export interface StoredClient {
  readonly isConnected: boolean;
  readonly expirySeconds: number;
  readonly disconnectedAtMs: number;
  readonly subscriptions: ReadonlyMap<string, SubscriptionState>;
  readonly queued: number;
  readonly queuedSizeBytes: number;
}

export interface ClientQueries {
  readonly here: LocalClientQueries;
  /** Of the whole cluster: client identifier and node id. May change while it is walked. */
  claims(): Iterable<readonly [string, { readonly nodeId: string }]>;
  claimOf(clientId: string): ClientClaim | null;
  /** Of the whole cluster, connected or not. May change while it is walked. */
  storedIds(): Iterable<string>;
  stored(clientId: string): StoredClient | null;
}
