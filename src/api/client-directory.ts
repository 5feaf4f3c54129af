import type { ClientEvent, LocalClient, SubscriptionState } from "./client-ports.ts";
import type { ApiContext } from "./context.ts";
import { subscriptionsShownMax } from "./limits.ts";
import { PageSelection } from "./paging.ts";
import { ApiError } from "./problem.ts";

/** A client as the whole cluster knows it; null where only a node knows that has not answered. */
export interface ClientBody {
  readonly clientId: string;
  /** Where it is connected; null when it is not. */
  readonly node: string | null;
  readonly connected: boolean;
  readonly username: string | null;
  readonly protocolVersion: number | null;
  readonly keepAliveSeconds: number | null;
  readonly remoteAddress: string | null;
  readonly connectedAtMs: number | null;
  readonly subscriptions: number | null;
  readonly queued: number | null;
  readonly stored: boolean;
}

export interface ClientListQuery {
  readonly limit: number;
  readonly after: string;
  readonly search?: string;
  readonly node?: string;
}

/** What a node says of one of its clients, with what happened to it there. */
interface NodeAnswer {
  readonly client: LocalClient | null;
  readonly events: readonly ClientEvent[];
  readonly subscriptions: readonly SubscriptionState[];
}

/**
 * Clients of the whole cluster, from any node: who there is says the log, what else there is to know says the node that the client is
 * connected to.
 */
export class ClientDirectory {
  readonly #context: ApiContext;

  constructor(context: ApiContext) {
    this.#context = context;
    const { peers } = context.node;
    peers.onAsked("clients", async (question) => this.#localClients(textsOf(question)));
    peers.onAsked("client", async (question) => this.#answerAbout(textOf(question)));
    peers.onAsked("kick", async (question) => {
      const [clientId = "", reason = ""] = textsOf(question);
      return context.node.clients.here.kick(clientId, reason);
    });
  }

  async list(query: ClientListQuery): Promise<object> {
    const { node } = this.#context;
    if (query.node !== undefined) this.#checkNode(query.node);
    const selection = await this.#select(query);
    const entries = selection.page();
    const owners = new Set(entries.map(({ value }) => value).filter((name) => name !== ""));
    owners.delete(node.name);
    const ids = entries.map(({ key }) => key);
    const { answers, unanswered } =
      owners.size === 0 ? nobodyAsked : await node.peers.ask("clients", ids, [...owners]);
    const known = new Map(this.#localClients(ids).map((client) => [client.clientId, client]));
    for (const client of [...answers.values()].flatMap((list) => list as LocalClient[])) {
      known.set(client.clientId, client);
    }
    return {
      clients: entries.map(({ key, value }) => this.#body(key, value, known.get(key) ?? null)),
      next: selection.hasMore ? (entries.at(-1)?.key ?? null) : null,
      count: selection.count,
      unanswered,
    };
  }

  /** Rejects with ApiError 404. */
  async get(clientId: string): Promise<object> {
    const { node } = this.#context;
    const { clients, peers } = node;
    const { answers, unanswered } = await peers.ask("client", clientId);
    const all = new Map([[node.name, this.#answerAbout(clientId)]]);
    for (const [name, answer] of answers) all.set(name, answer as NodeAnswer);
    const events = [...all].flatMap(([name, { events }]) =>
      events.map((event) => ({ ...event, node: name })),
    );
    const owner = this.#ownerOf(clientId);
    const found = all.get(owner)?.client ?? null;
    const stored = clients.stored(clientId);
    if (owner === "" && stored === null && events.length === 0) {
      throw new ApiError(404, "unknown-client", `no client "${clientId}"`);
    }
    const claim = clients.claimOf(clientId);
    const subscriptions = all.get(owner)?.subscriptions ?? [
      ...(stored?.subscriptions.values() ?? []),
    ];
    return {
      ...this.#body(clientId, owner, found),
      subscriptionsList: subscriptions.slice(0, subscriptionsShownMax),
      inflight: found?.inflight ?? null,
      queuedBytes: stored?.queuedSizeBytes ?? null,
      sessionExpirySeconds:
        found?.sessionExpirySeconds ?? stored?.expirySeconds ?? claim?.expirySeconds ?? null,
      will: claim?.will ?? null,
      events: events.sort((a, b) => a.timeMs - b.timeMs),
      unanswered,
    };
  }

  /** Rejects with ApiError: 404 for a client that is not connected, 503 when its node does not answer. */
  async kick(clientId: string, reason: string): Promise<object> {
    const { node } = this.#context;
    const owner = this.#ownerOf(clientId);
    if (owner === "") {
      throw new ApiError(404, "unknown-client", `no client "${clientId}" is connected`);
    }
    const kicked =
      owner === node.name
        ? node.clients.here.kick(clientId, reason)
        : (await node.peers.ask("kick", [clientId, reason], [owner])).answers.get(owner);
    if (kicked === undefined) {
      throw new ApiError(
        503,
        "unreachable",
        `node ${owner}, which has the client, does not answer`,
      );
    }
    if (kicked !== true) {
      throw new ApiError(
        404,
        "unknown-client",
        `"${clientId}" is not connected to ${owner} any more`,
      );
    }
    return { clientId, node: owner, kicked: true };
  }

  /** Client identifier -> name of its node, "" = not connected. */
  async #select({ after, limit, search, node: wanted }: ClientListQuery) {
    const { node, scans } = this.#context;
    const { clients, peers } = node;
    const selection = new PageSelection<string>(after, limit);
    const names = new Map<string, string>();
    const nameOf = (nodeId: string): string => {
      const name = names.get(nodeId) ?? peers.nameOf(nodeId) ?? "";
      names.set(nodeId, name);
      return name;
    };
    const offer = (clientId: string, owner: string): void => {
      if (search !== undefined && !clientId.includes(search)) return;
      if (wanted === undefined || owner === wanted) selection.offer(clientId, owner);
    };
    await scans.run(clients.claims(), ([clientId, { nodeId }]) => offer(clientId, nameOf(nodeId)));
    // What the log does not know of (yet): clients that were let in without a quorum.
    await scans.run(clients.here.ids(), (clientId) => {
      if (clients.claimOf(clientId) === null) offer(clientId, node.name);
    });
    await scans.run(clients.storedIds(), (clientId) => {
      if (clients.claimOf(clientId) === null && clients.here.get(clientId) === null) {
        offer(clientId, "");
      }
    });
    return selection;
  }

  #ownerOf(clientId: string): string {
    const { clients, peers, name } = this.#context.node;
    const claim = clients.claimOf(clientId);
    if (claim === null) return clients.here.get(clientId) === null ? "" : name;
    return peers.nameOf(claim.nodeId) ?? "";
  }

  #body(clientId: string, owner: string, found: LocalClient | null): ClientBody {
    const stored = this.#context.node.clients.stored(clientId);
    return {
      clientId,
      node: owner === "" ? null : owner,
      connected: owner !== "",
      username: found?.username ?? null,
      protocolVersion: found?.protocolVersion ?? null,
      keepAliveSeconds: found?.keepAliveSeconds ?? null,
      remoteAddress: found?.remoteAddress ?? null,
      connectedAtMs: found?.connectedAtMs ?? null,
      subscriptions: found?.subscriptions ?? stored?.subscriptions.size ?? null,
      queued: stored?.queued ?? found?.queued ?? null,
      stored: stored !== null,
    };
  }

  #checkNode(name: string): void {
    const { node } = this.#context;
    if (name === node.name || node.peers.has(name)) return;
    throw new ApiError(404, "unknown-node", `no member "${name}"`);
  }

  #localClients(ids: readonly string[]): readonly LocalClient[] {
    const { here } = this.#context.node.clients;
    return ids.map((id) => here.get(id)).filter((client) => client !== null);
  }

  #answerAbout(clientId: string): NodeAnswer {
    const { here } = this.#context.node.clients;
    const subscriptions = [...here.subscriptionsOf(clientId)].slice(0, subscriptionsShownMax);
    return { client: here.get(clientId), events: here.eventsOf(clientId), subscriptions };
  }
}

const nobodyAsked = { answers: new Map<string, unknown>(), unanswered: [] };

/** What a question carries; a node of another version may send anything. */
function textsOf(question: unknown): readonly string[] {
  return Array.isArray(question) ? question.filter((item) => typeof item === "string") : [];
}

function textOf(question: unknown): string {
  return typeof question === "string" ? question : "";
}
