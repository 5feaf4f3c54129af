import type {
  ClientClaim,
  ClientEvent,
  ClientQueries,
  LocalClient,
  LocalClientQueries,
  StoredClient,
  SubscriptionState,
} from "../../src/api/client-ports.ts";
import type { PeerAnswers, Peers } from "../../src/api/peers.ts";

/** Clients in memory: those of this node, those that the log knows elsewhere, and stored sessions. */
export class FakeClients implements ClientQueries {
  readonly local = new Map<string, LocalClient>();
  readonly filters = new Map<string, readonly SubscriptionState[]>();
  readonly events = new Map<string, readonly ClientEvent[]>();
  readonly claimed = new Map<string, ClientClaim>();
  readonly storedClients = new Map<string, StoredClient>();
  readonly kicked: (readonly [string, string])[] = [];

  readonly here: LocalClientQueries = {
    ids: () => this.local.keys(),
    get: (id) => this.local.get(id) ?? null,
    subscriptionsOf: (id) => this.filters.get(id) ?? [],
    eventsOf: (id) => this.events.get(id) ?? [],
    kick: (id, reason) => {
      this.kicked.push([id, reason]);
      return this.local.delete(id);
    },
  };

  /** Connected to the node with this id. */
  connect(clientId: string, nodeId: string): void {
    this.claimed.set(clientId, { nodeId, expirySeconds: 0, will: null });
    if (nodeId === "n1") this.local.set(clientId, localClient(clientId));
  }

  claims(): Iterable<readonly [string, ClientClaim]> {
    return this.claimed.entries();
  }

  claimOf(clientId: string): ClientClaim | null {
    return this.claimed.get(clientId) ?? null;
  }

  storedIds(): Iterable<string> {
    return this.storedClients.keys();
  }

  stored(clientId: string): StoredClient | null {
    return this.storedClients.get(clientId) ?? null;
  }
}

export function localClient(clientId: string, changes: Partial<LocalClient> = {}): LocalClient {
  return {
    ...{ clientId, username: null, protocolVersion: 5, keepAliveSeconds: 60 },
    ...{ remoteAddress: "127.0.0.1", connectedAtMs: 1000, subscriptions: 0, queued: 0 },
    ...{ inflight: 0, sessionExpirySeconds: 0, isStored: false },
    ...changes,
  };
}

/** Other nodes; a test puts in what they answer. */
export class FakePeers implements Peers {
  readonly handlers = new Map<string, (question: unknown) => Promise<unknown>>();
  /** By name of the node; one without a function is silent. Names are ids. */
  readonly nodes = new Map<string, ((kind: string, question: unknown) => unknown) | null>();

  onAsked(kind: string, handler: (question: unknown) => Promise<unknown>): void {
    this.handlers.set(kind, handler);
  }

  async ask(kind: string, question: unknown, names?: readonly string[]): Promise<PeerAnswers> {
    const answers = new Map<string, unknown>();
    const unanswered: string[] = [];
    for (const [name, answer] of this.nodes) {
      if (names !== undefined && !names.includes(name)) continue;
      const said = await answer?.(kind, question);
      if (said === undefined) unanswered.push(name);
      else answers.set(name, said);
    }
    return { answers, unanswered };
  }

  nameOf(nodeId: string): string | null {
    return nodeId === "n1" || this.nodes.has(nodeId) ? nodeId : null;
  }

  has(name: string): boolean {
    return this.nameOf(name) !== null;
  }
}
