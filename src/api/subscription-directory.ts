import { matches, parseSharedFilter } from "../mqtt/topic.ts";
import type { SubscriptionState } from "./client-ports.ts";
import type { ApiContext } from "./context.ts";
import { subscriptionsPageLengthMax } from "./limits.ts";
import { type KeyedPage, mergePages, PageSelection } from "./paging.ts";
import { ApiError } from "./problem.ts";

export interface SubscriptionQuery {
  readonly limit: number;
  readonly after: string;
  readonly filter?: string;
  /** Only those that a message of this topic would go to. */
  readonly topic?: string;
  readonly clientId?: string;
}

interface Entry extends SubscriptionState {
  readonly clientId: string;
  readonly node: string | null;
}

/** Stands in no identifier and no filter. */
const separator = "\u0000";

/** Subscriptions of the whole cluster: each node tells those of its clients, the log those of clients that are away. */
export class SubscriptionDirectory {
  readonly #context: ApiContext;

  constructor(context: ApiContext) {
    this.#context = context;
    context.node.peers.onAsked("subscriptions", async (question) =>
      this.#ofThisNode(question as SubscriptionQuery),
    );
  }

  async list(asked: SubscriptionQuery): Promise<object> {
    const query = { ...asked, after: decodeAfter(asked.after) };
    const [{ answers, unanswered }, here, away] = await Promise.all([
      this.#context.node.peers.ask("subscriptions", query),
      this.#ofThisNode(query),
      this.#ofThoseAway(query),
    ]);
    const others = [...answers.values()] as KeyedPage<Entry>[];
    const { items, next, count } = mergePages([here, away, ...others], query.limit);
    return {
      subscriptions: items,
      next: next === null ? null : encodeAfter(next),
      count,
      unanswered,
    };
  }

  async #ofThisNode(query: SubscriptionQuery): Promise<KeyedPage<Entry>> {
    const { node } = this.#context;
    const { here } = node.clients;
    const ids = query.clientId === undefined ? here.ids() : [query.clientId];
    return this.#select(query, ids, (id) => here.subscriptionsOf(id), node.name);
  }

  async #ofThoseAway(query: SubscriptionQuery): Promise<KeyedPage<Entry>> {
    const { clients } = this.#context.node;
    const ids = query.clientId === undefined ? clients.storedIds() : [query.clientId];
    const subscriptionsOf = (id: string): Iterable<SubscriptionState> => {
      const stored = clients.stored(id);
      return stored === null || stored.isConnected ? [] : stored.subscriptions.values();
    };
    return this.#select(query, ids, subscriptionsOf, null);
  }

  async #select(
    { filter, topic, after, limit }: SubscriptionQuery,
    ids: Iterable<string>,
    subscriptionsOf: (clientId: string) => Iterable<SubscriptionState>,
    node: string | null,
  ): Promise<KeyedPage<Entry>> {
    const selection = new PageSelection<Entry>(after, limit);
    await this.#context.scans.run(pairs(ids, subscriptionsOf), ([clientId, subscription]) => {
      if (filter !== undefined && subscription.filter !== filter) return;
      if (topic !== undefined && !isFor(subscription, topic)) return;
      const key = clientId + separator + subscription.filter;
      selection.offer(key, { clientId, node, ...subscription });
    });
    return cut(selection);
  }
}

function* pairs(
  ids: Iterable<string>,
  subscriptionsOf: (clientId: string) => Iterable<SubscriptionState>,
): Iterable<readonly [string, SubscriptionState]> {
  for (const id of ids) {
    for (const subscription of subscriptionsOf(id)) yield [id, subscription];
  }
}

function isFor({ filter }: SubscriptionState, topic: string): boolean {
  return matches(parseSharedFilter(filter)?.filter ?? filter, topic);
}

function cut(selection: PageSelection<Entry>): KeyedPage<Entry> {
  const entries: { readonly key: string; readonly value: Entry }[] = [];
  let length = 0;
  for (const entry of selection.page()) {
    if (length > subscriptionsPageLengthMax) break;
    length += entry.key.length * 2;
    entries.push(entry);
  }
  const hasMore = selection.hasMore || entries.length < selection.page().length;
  return { entries, hasMore, count: selection.count };
}

/** Opaque to callers, because it has a NUL in it. */
function encodeAfter(key: string): string {
  return Buffer.from(key, "utf8").toString("base64url");
}

function decodeAfter(after: string): string {
  const key = Buffer.from(after, "base64url").toString("utf8");
  if (after === "" || (key.includes(separator) && encodeAfter(key) === after)) return key;
  throw new ApiError(400, "request-invalid", "querystring/after is no `next` of a page");
}
