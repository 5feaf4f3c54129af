import type { Qos } from "../../mqtt/packets.ts";
import { parseSharedFilter } from "../../mqtt/topic.ts";
import { CompactMap } from "../../routing/compact-map.ts";
import { TopicTrie } from "../../routing/topic-trie.ts";
import type { Subscription } from "../../session/session-api.ts";
import type { StoredSession } from "./stored-session.ts";

/** How one message goes to one session. */
export interface Match {
  readonly session: StoredSession;
  readonly qos: Qos;
  readonly retain: boolean;
  readonly identifiers: readonly number[];
  readonly group: string | null;
}

/** The members of one shared subscription that would store a message. */
class Group {
  readonly key: string;
  readonly members = new Map<StoredSession, Subscription>();
  #storing: readonly StoredSession[] | null = null;

  constructor(key: string) {
    this.key = key;
  }

  set(session: StoredSession, subscription: Subscription): void {
    this.members.set(session, subscription);
    this.#storing = null;
  }

  delete(session: StoredSession): void {
    this.members.delete(session);
    this.#storing = null;
  }

  /** Those with QoS > 0, in the order of their sessions' numbers. */
  get storing(): readonly StoredSession[] {
    this.#storing ??= [...this.members.keys()]
      .filter((session) => this.members.get(session)!.qos > 0)
      .sort((a, b) => a.number - b.number);
    return this.#storing;
  }
}

interface FilterEntry {
  readonly filter: string;
  readonly members: CompactMap<StoredSession, Subscription>;
  readonly groups: Map<string, Group>;
}

/** Chooses one of several members; they come in the order of their sessions' numbers. */
export type ChooseMember = (members: readonly StoredSession[]) => StoredSession | null;

/**
 * The subscriptions of all stored sessions by topic. What it answers depends on nothing but the subscriptions, so that all
 * replicas store alike.
 */
export class SubscriptionIndex {
  #trie = new TopicTrie<FilterEntry>();
  readonly #groups = new Map<string, Group>();
  /** Subscriptions are equal for many sessions, and held once. */
  readonly #shared = new Map<string, Subscription>();
  #count = 0;

  /** Subscriptions, shared ones included. */
  get count(): number {
    return this.#count;
  }

  hasGroup(key: string): boolean {
    return this.#groups.has(key);
  }

  /** Whether any session would store a message of this topic at QoS > 0. */
  isStored(topic: string): boolean {
    if (this.#count === 0) return false;
    return this.#match(topic).some((entry) => hasQos(entry));
  }

  /** Adds or replaces, in the session too. */
  add(session: StoredSession, subscription: Subscription): void {
    const { filter } = subscription;
    const shared = parseSharedFilter(filter);
    const entry = this.#entryFor(shared?.filter ?? filter);
    const pooled = this.#pooled(subscription);
    if (!session.subscriptions.has(filter)) this.#count++;
    session.subscriptions.set(pooled.filter, pooled);
    if (shared === null) {
      entry.members.set(session, pooled);
      return;
    }
    let group = entry.groups.get(filter);
    if (group === undefined) {
      group = new Group(pooled.filter);
      entry.groups.set(group.key, group);
      this.#groups.set(group.key, group);
    }
    group.set(session, pooled);
  }

  /** False when there was none. */
  remove(session: StoredSession, filter: string): boolean {
    if (!session.subscriptions.delete(filter)) return false;
    this.#count--;
    const plainFilter = parseSharedFilter(filter)?.filter ?? filter;
    const entry = this.#trie.get(plainFilter);
    if (entry === undefined) return true;
    const group = entry.groups.get(filter);
    if (group === undefined) entry.members.delete(session);
    else {
      group.delete(session);
      if (group.members.size === 0) {
        entry.groups.delete(filter);
        this.#groups.delete(filter);
      }
    }
    if (entry.members.size === 0 && entry.groups.size === 0) this.#trie.remove(plainFilter);
    return true;
  }

  /** One match per session and one per group, QoS 0 left out, in the order of the sessions' numbers. */
  match(topic: string, publisherId: string, retain: boolean, choose: ChooseMember): Match[] {
    const entries = this.#match(topic);
    const matches = mergedMatches(entries, publisherId, retain);
    for (const { groups } of entries) {
      for (const key of [...groups.keys()].sort()) {
        const match = matchOfGroup(groups.get(key)!, retain, choose);
        if (match !== null) matches.push(match);
      }
    }
    return matches;
  }

  /** The members of a group that store, in the order of their sessions' numbers; empty when there is no such group. */
  membersOf(groupKey: string): readonly StoredSession[] {
    return this.#groups.get(groupKey)?.storing ?? [];
  }

  clear(): void {
    this.#trie = new TopicTrie();
    this.#groups.clear();
    this.#shared.clear();
    this.#count = 0;
  }

  #match(topic: string): FilterEntry[] {
    const entries: FilterEntry[] = [];
    this.#trie.match(topic, entries);
    return entries;
  }

  #entryFor(filter: string): FilterEntry {
    let entry = this.#trie.get(filter);
    if (entry === undefined) {
      entry = { filter, members: new CompactMap(), groups: new Map() };
      this.#trie.add(filter, entry);
    }
    return entry;
  }

  #pooled(subscription: Subscription): Subscription {
    const { filter, qos, noLocal, retainAsPublished, retainHandling, identifier } = subscription;
    const key = `${qos}${+noLocal}${+retainAsPublished}${retainHandling}${identifier}/${filter}`;
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    if (this.#shared.size >= pooledSubscriptionsMax) this.#shared.clear();
    this.#shared.set(key, subscription);
    return subscription;
  }
}

/** A memory of what is often the same; it begins anew when full. */
const pooledSubscriptionsMax = 100_000;

function hasQos({ members, groups }: FilterEntry): boolean {
  let isFound = false;
  members.forEach(({ qos }) => {
    isFound ||= qos > 0;
  });
  if (isFound) return true;
  return [...groups.values()].some((group) => group.storing.length > 0);
}

/** [MQTT-3.3.4-2] the highest QoS, [MQTT-3.3.4-4] all identifiers; [MQTT-3.8.3-3] not back to its publisher under No Local. */
function mergedMatches(
  entries: readonly FilterEntry[],
  publisherId: string,
  retain: boolean,
): Match[] {
  const found = new Map<StoredSession, Match>();
  for (const { members } of entries) {
    members.forEach((subscription, session) => {
      if (subscription.noLocal && session.clientId === publisherId) return;
      const match = matchOf(session, subscription, retain, null);
      const other = found.get(session);
      found.set(session, other === undefined ? match : merge(other, match));
    });
  }
  return [...found.values()]
    .filter(({ qos }) => qos > 0)
    .sort((a, b) => a.session.number - b.session.number);
}

function matchOf(
  session: StoredSession,
  { qos, identifier, retainAsPublished }: Subscription,
  retain: boolean,
  group: string | null,
): Match {
  const identifiers = identifier === 0 ? noIdentifiers : [identifier];
  return { session, qos, retain: retain && retainAsPublished, identifiers, group };
}

const noIdentifiers: readonly number[] = Object.freeze([]);

function merge(a: Match, b: Match): Match {
  const identifiers = [...a.identifiers, ...b.identifiers].sort((x, y) => x - y);
  const qos = Math.max(a.qos, b.qos) as Qos;
  return { session: a.session, qos, retain: a.retain || b.retain, identifiers, group: null };
}

function matchOfGroup(group: Group, retain: boolean, choose: ChooseMember): Match | null {
  if (group.storing.length === 0) return null;
  const chosen = choose(group.storing);
  const subscription = chosen === null ? undefined : group.members.get(chosen);
  if (chosen === null || subscription === undefined) return null;
  return matchOf(chosen, subscription, retain, group.key);
}
