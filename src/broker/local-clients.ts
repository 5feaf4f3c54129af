import type { ClientEvent, LocalClient, LocalClientQueries } from "../api/client-ports.ts";
import { ReasonCode } from "../mqtt/reason-code.ts";
import type { Subscription } from "../session/session-api.ts";
import type { ClientHistory } from "./client-history.ts";
import type { SessionEntry } from "./session-entry.ts";
import type { SessionRegistry } from "./session-registry.ts";

/** The clients that are connected to this node, for the HTTP API. */
export class LocalClients implements LocalClientQueries {
  readonly #registry: SessionRegistry;
  readonly #history: ClientHistory;

  constructor(registry: SessionRegistry, history: ClientHistory) {
    this.#registry = registry;
    this.#history = history;
  }

  /** May change while it is walked. */
  ids(): Iterable<string> {
    return this.#registry.ids();
  }

  get(clientId: string): LocalClient | null {
    const entry = this.#registry.get(clientId);
    return entry === null ? null : factsOf(entry);
  }

  subscriptionsOf(clientId: string): Iterable<Subscription> {
    return this.#registry.get(clientId)?.session.subscriptions.values() ?? [];
  }

  eventsOf(clientId: string): readonly ClientEvent[] {
    return this.#history.of(clientId);
  }

  /** Ends a client's connection with 0x98; false when it is not connected here. */
  kick(clientId: string, reason: string): boolean {
    const entry = this.#registry.get(clientId);
    if (!entry?.connection) return false;
    this.#history.add(clientId, "kicked", reason);
    entry.session.disconnect(ReasonCode.administrativeAction, reason);
    return true;
  }
}

function factsOf(entry: SessionEntry): LocalClient {
  const { session, identity, connection } = entry;
  return {
    clientId: session.clientId,
    username: identity.username,
    protocolVersion: session.protocolVersion,
    keepAliveSeconds: entry.keepAliveSeconds,
    remoteAddress: connection?.channel.remoteAddress ?? "",
    connectedAtMs: entry.connectedAtMs,
    subscriptions: session.subscriptions.size,
    queued: session.queuedCount,
    inflight: session.inflightCount,
    sessionExpirySeconds: session.sessionExpirySeconds,
    isStored: session.isStored,
  };
}
