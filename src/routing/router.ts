import type { NodeId } from "#cluster";
import { isSharedFilter, isValidTopicFilter, parseSharedFilter } from "../mqtt/topic.ts";
import type { Subscription } from "../session/session-api.ts";
import { FilterEntry } from "./filter-entry.ts";
import { LocalMember } from "./local-member.ts";
import { RemoteInterest } from "./remote-interest.ts";
import type {
  InterestUpdate,
  LocalDelivery,
  LocalTarget,
  RemoteDelivery,
  Route,
  RouterCore,
} from "./routing-api.ts";
import type { ShareStrategy } from "./share-strategy.ts";
import { SharedGroup } from "./shared-group.ts";
import { TopicCache } from "./topic-cache.ts";
import { TopicPlan } from "./topic-plan.ts";
import { hasWildcard, TopicTrie } from "./topic-trie.ts";

export interface RouterOptions {
  /** Bound of the cache of routes by topic: number of topics, of deliveries in them, and a part for long topics; 0 = no cache. */
  readonly cacheCostMax: number;
  /** Bound of the keys of all other nodes together; further ones are refused and counted. */
  readonly remoteKeysMax: number;
  /** Of shared subscriptions; the same on all nodes, or they do not agree. */
  readonly shareStrategy: ShareStrategy;
}

export const defaultRouterOptions: RouterOptions = {
  cacheCostMax: 200_000,
  remoteKeysMax: 10_000_000,
  shareStrategy: "round-robin",
};

/** A topic so long counts as much as one more topic. */
const topicLengthPerCost = 64;

/** How many levels a client's filter may have is the session's business; the trie only needs the form. */
const levelsMax = 65_536;

/** Who gets a message; see {@link RouterCore}. What it returns is shared between messages and must not be changed. */
export class Router<T extends LocalTarget> implements RouterCore<T> {
  readonly #selfNodeId: NodeId;
  readonly #options: RouterOptions;
  readonly #trie = new TopicTrie<FilterEntry<T>>();
  readonly #groups = new Map<string, SharedGroup<T>>();
  readonly #remoteInterest = new RemoteInterest();
  readonly #suspended = new Set<NodeId>();
  readonly #cache: TopicCache<TopicPlan<T>>;
  #subscriptionCount = 0;
  #sharedSubscriptionCount = 0;
  #refusedKeys = 0;
  #sharesWithoutMember = 0;

  constructor(selfNodeId: NodeId, options: Partial<RouterOptions> = {}) {
    this.#selfNodeId = selfNodeId;
    this.#options = { ...defaultRouterOptions, ...options };
    this.#cache = new TopicCache(this.#options.cacheCostMax, (topic, plan) => {
      return plan.cost + topic.length / topicLengthPerCost;
    });
  }

  /** Ordinary subscriptions of this node's sessions. */
  get subscriptionCount(): number {
    return this.#subscriptionCount;
  }

  /** Members of shared subscriptions on this node. */
  get sharedSubscriptionCount(): number {
    return this.#sharedSubscriptionCount;
  }

  /** Distinct local and remote filters. */
  get filterCount(): number {
    return this.#trie.size;
  }

  /** Counters since the start of the process. */
  metrics(): ReadonlyMap<string, number> {
    return new Map([
      ["routing_remote_keys_refused", this.#refusedKeys],
      ["routing_shares_without_member", this.#sharesWithoutMember],
      ["routing_cache_hits", this.#cache.hits],
      ["routing_cache_misses", this.#cache.misses],
      ["routing_cache_clears", this.#cache.clears],
    ]);
  }

  /** Throws RangeError for a filter that is no valid one: a session must have refused it before. */
  subscribe(target: T, subscription: Subscription): InterestUpdate | null {
    const { filter } = subscription;
    if (!isValidTopicFilter(filter, levelsMax)) {
      throw new RangeError(`not a topic filter: ${filter}`);
    }
    const member = new LocalMember(target, subscription);
    if (isSharedFilter(filter)) {
      const group = this.#groupFor(filter);
      if (!group.setMember(member)) {
        return null;
      }
      this.#sharedSubscriptionCount++;
      return { key: group.key, weight: group.localCount };
    }
    const entry = this.#entryFor(filter);
    const before = entry.weight;
    if (entry.setMember(member)) this.#subscriptionCount++;
    this.#changed(filter);
    return updateOf(entry, before);
  }

  unsubscribe(target: T, filter: string): InterestUpdate | null {
    const group = this.#groups.get(filter);
    if (group !== undefined) {
      if (!group.removeMember(target)) {
        return null;
      }
      this.#sharedSubscriptionCount--;
      this.#dropGroupIfEmpty(group);
      return { key: group.key, weight: group.localCount };
    }
    const entry = this.#trie.get(filter);
    const before = entry?.weight ?? 0;
    if (entry === undefined || !entry.removeMember(target)) {
      return null;
    }
    this.#subscriptionCount--;
    this.#changed(filter);
    this.#dropEntryIfEmpty(entry);
    return updateOf(entry, before);
  }

  setRemoteInterest(nodeId: NodeId, key: string, weight: number): void {
    if (nodeId === this.#selfNodeId) {
      return;
    }
    if (!(weight > 0)) {
      this.#withdraw(nodeId, key);
      return;
    }
    const isKnown = this.#remoteInterest.has(nodeId, key);
    const hasRoom = isKnown || this.#remoteInterest.count < this.#options.remoteKeysMax;
    if (!hasRoom || !isValidTopicFilter(key, levelsMax)) {
      this.#refusedKeys++;
      return;
    }
    if (isSharedFilter(key)) {
      const group = this.#groupFor(key);
      group.setRemote(nodeId, weight);
      this.#remoteInterest.add(nodeId, group.key);
    } else {
      const entry = this.#entryFor(key);
      if (entry.remotes.get(nodeId) === weight) return;
      entry.setRemote(nodeId, weight);
      this.#remoteInterest.add(nodeId, entry.filter);
      this.#changed(key);
    }
  }

  clearRemoteInterest(nodeId: NodeId): void {
    for (const key of this.#remoteInterest.keysOf(nodeId)) {
      this.#withdraw(nodeId, key);
    }
  }

  setSuspended(nodeId: NodeId, isSuspended: boolean): void {
    if (isSuspended) {
      this.#suspended.add(nodeId);
    } else {
      this.#suspended.delete(nodeId);
    }
  }

  route(
    topic: string,
    publisherId: string,
    retain: boolean,
    isServedByLog?: (groupKey: string) => boolean,
  ): Route<T> {
    const plan = this.#planFor(topic);
    const route = plan.route(publisherId, retain, isServedByLog !== undefined);
    if (plan.groups.length === 0) return route;
    const groups =
      isServedByLog === undefined
        ? plan.groups
        : plan.groups.filter(({ key }) => !isServedByLog(key));
    return this.#withShares(route, groups, topic, retain);
  }

  routeForwarded(
    topic: string,
    publisherId: string,
    retain: boolean,
    isPlain: boolean,
    shares: readonly string[],
  ): readonly LocalDelivery<T>[] {
    const ordinary = isPlain ? this.#planFor(topic).route(publisherId, retain, false).local : [];
    if (shares.length === 0) {
      return ordinary;
    }
    const deliveries = [...ordinary];
    for (const key of shares) {
      const member = this.#groups.get(key)?.chooseLocal(topic) ?? null;
      if (member === null) {
        this.#sharesWithoutMember++;
      } else {
        deliveries.push(member.delivery(retain));
      }
    }
    return deliveries;
  }

  /** A session that matches through an ordinary and a shared subscription gets both deliveries (MQTT 5, 4.8.2). */
  #withShares(
    route: Route<T>,
    groups: readonly SharedGroup<T>[],
    topic: string,
    retain: boolean,
  ): Route<T> {
    const local = [...route.local];
    const shares = new Map<NodeId, string[]>();
    for (const group of groups) {
      const choice = group.choose(topic, this.#suspended);
      if (choice === null) {
        continue;
      }
      if (typeof choice !== "string") {
        local.push(choice.delivery(retain));
        continue;
      }
      const keys = shares.get(choice);
      if (keys === undefined) {
        shares.set(choice, [group.key]);
      } else {
        keys.push(group.key);
      }
    }
    const { loggedCount } = route;
    const remote = shares.size === 0 ? route.remote : addShares(route.remote, shares);
    return { local, remote, loggedCount };
  }

  #planFor(topic: string): TopicPlan<T> {
    const cached = this.#cache.get(topic);
    if (cached !== undefined) {
      return cached;
    }
    const entries: FilterEntry<T>[] = [];
    this.#trie.match(topic, entries);
    const only = entries.length === 1 ? entries[0]! : null;
    const plan = only === null ? new TopicPlan(entries) : only.solePlan();
    this.#cache.set(topic, plan);
    return plan;
  }

  /** What matches a filter without wildcards is one topic; anything else may match every cached one. */
  #changed(filter: string): void {
    if (hasWildcard(filter)) {
      this.#cache.clear();
    } else {
      this.#cache.delete(filter);
    }
  }

  #entryFor(filter: string): FilterEntry<T> {
    let entry = this.#trie.get(filter);
    if (entry === undefined) {
      entry = new FilterEntry(filter);
      this.#trie.add(filter, entry);
    }
    return entry;
  }

  #dropEntryIfEmpty(entry: FilterEntry<T>): void {
    if (entry.isEmpty) {
      this.#trie.remove(entry.filter);
    }
  }

  /** The key must be a valid shared filter. */
  #groupFor(key: string): SharedGroup<T> {
    let group = this.#groups.get(key);
    if (group === undefined) {
      const { filter } = parseSharedFilter(key)!;
      const entry = this.#entryFor(filter);
      group = new SharedGroup(key, entry.filter, this.#selfNodeId, this.#options.shareStrategy);
      this.#groups.set(key, group);
      entry.addGroup(group);
      this.#changed(filter);
    }
    return group;
  }

  #dropGroupIfEmpty(group: SharedGroup<T>): void {
    if (!group.isEmpty) {
      return;
    }
    this.#groups.delete(group.key);
    const entry = this.#trie.get(group.filter)!;
    entry.removeGroup(group);
    this.#changed(group.filter);
    this.#dropEntryIfEmpty(entry);
  }

  #withdraw(nodeId: NodeId, key: string): void {
    if (!this.#remoteInterest.has(nodeId, key)) {
      return;
    }
    this.#remoteInterest.delete(nodeId, key);
    const group = this.#groups.get(key);
    if (group !== undefined) {
      group.removeRemote(nodeId);
      this.#dropGroupIfEmpty(group);
      return;
    }
    const entry = this.#trie.get(key)!;
    entry.removeRemote(nodeId);
    this.#changed(key);
    this.#dropEntryIfEmpty(entry);
  }
}

function updateOf<T extends LocalTarget>(
  { filter, weight }: FilterEntry<T>,
  before: number,
): InterestUpdate | null {
  return weight === before ? null : { key: filter, weight };
}

/** One delivery per node: what it gets as an ordinary subscriber, and the shared subscriptions it was chosen for. */
function addShares(
  plain: readonly RemoteDelivery[],
  shares: Map<NodeId, string[]>,
): readonly RemoteDelivery[] {
  const remote: RemoteDelivery[] = [];
  for (const delivery of plain) {
    const keys = shares.get(delivery.nodeId);
    remote.push(keys === undefined ? delivery : { ...delivery, shares: keys });
    shares.delete(delivery.nodeId);
  }
  for (const [nodeId, keys] of shares) {
    remote.push({ nodeId, shares: keys, isPlain: false });
  }
  return remote;
}
