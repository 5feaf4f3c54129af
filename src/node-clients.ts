import type {
  ClientClaim,
  ClientQueries,
  LocalClientQueries,
  StoredClient,
} from "./api/client-ports.ts";
import type { Broker } from "./broker/broker.ts";
import type { Replica } from "./replica/replica.ts";

/** Before the broker is there. */
const nobody: LocalClientQueries = {
  ids: () => [],
  get: () => null,
  subscriptionsOf: () => [],
  eventsOf: () => [],
  kick: () => false,
};

/** What this node and the log know of clients. */
export class NodeClients implements ClientQueries {
  readonly #replica: Replica;
  readonly #broker: () => Broker | null;

  constructor(replica: Replica, broker: () => Broker | null) {
    this.#replica = replica;
    this.#broker = broker;
  }

  get here(): LocalClientQueries {
    return this.#broker()?.clients ?? nobody;
  }

  claims(): Iterable<readonly [string, { readonly nodeId: string }]> {
    return this.#replica.claims();
  }

  claimOf(clientId: string): ClientClaim | null {
    const claim = this.#replica.claimOf(clientId);
    if (claim === null) return null;
    const { nodeId, expirySeconds, will } = claim;
    if (will === null) return { nodeId, expirySeconds, will };
    const { topic, qos, retain } = will.message;
    const { delaySeconds } = will;
    return { nodeId, expirySeconds, will: { topic, qos, retain, delaySeconds } };
  }

  storedIds(): Iterable<string> {
    return this.#replica.sessions.ids();
  }

  stored(clientId: string): StoredClient | null {
    const session = this.#replica.sessions.get(clientId);
    if (session === null) return null;
    const { isConnected, expirySeconds, disconnectedAtMs, subscriptions, queuedSizeBytes } =
      session;
    return {
      ...{ isConnected, expirySeconds, disconnectedAtMs, subscriptions, queuedSizeBytes },
      queued: session.queue.size,
    };
  }
}
