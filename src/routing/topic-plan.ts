import type { NodeId } from "#cluster";
import type { CompactMap } from "./compact-map.ts";
import { type LocalMember, mergeDeliveries } from "./local-member.ts";
import {
  filterWeight,
  type LocalDelivery,
  type LocalTarget,
  type RemoteDelivery,
  type Route,
} from "./routing-api.ts";
import type { SharedGroup } from "./shared-group.ts";

const noShares: readonly string[] = Object.freeze([]);

/** What a plan needs to know of a filter that matches. */
export interface PlanEntry<T extends LocalTarget> {
  readonly members: CompactMap<T, LocalMember<T>>;
  /** Nodes with an ordinary subscription, and what they want of it; see `filterWeight`. */
  readonly remotes: Pick<CompactMap<NodeId, number>, "forEach">;
  readonly groups: readonly SharedGroup<T>[];
  /** One delivery per member; the same array until the members change. */
  deliveries(retain: boolean): readonly LocalDelivery<T>[];
}

/**
 * Everything about a topic that stays the same from message to message until a subscription changes: the ordinary deliveries,
 * here and to other nodes, and the shared subscriptions, which choose anew for each message.
 */
export class TopicPlan<T extends LocalTarget> {
  readonly groups: readonly SharedGroup<T>[];
  /** How much the plan holds for itself, in deliveries; fixed, although the routes are made when first asked for. */
  readonly cost: number;
  readonly #entries: readonly PlanEntry<T>[];
  readonly #routes: Routes<T>;
  /** Of a message that the log brings to stored sessions. */
  readonly #unlogged: Routes<T>;
  /** Client identifiers of matching subscriptions with No Local: only their messages need a route of their own. */
  readonly #noLocalIds: ReadonlySet<string> | null;

  constructor(entries: readonly PlanEntry<T>[]) {
    this.#entries = entries;
    this.groups =
      entries.length === 1 ? entries[0]!.groups : entries.flatMap(({ groups }) => groups);
    const remote = collectRemotes(entries, false);
    const unlogged = collectRemotes(entries, true);
    this.#routes = new Routes(entries, remote, 0);
    const loggedCount = remote.length - unlogged.length;
    this.#unlogged = loggedCount === 0 ? this.#routes : new Routes(entries, unlogged, loggedCount);
    this.#noLocalIds = collectNoLocalIds(entries);
    this.cost = 1 + remote.length + 2 * countMerged(entries);
  }

  /** The route apart from shared subscriptions; `isLogged`: the log brings the message to stored sessions. */
  route(publisherId: string, retain: boolean, isLogged: boolean): Route<T> {
    const routes = isLogged ? this.#unlogged : this.#routes;
    if (this.#noLocalIds?.has(publisherId) === true) {
      const local = mergeLocals(this.#entries, publisherId, retain);
      return { local, remote: routes.remote, loggedCount: routes.loggedCount };
    }
    return retain ? routes.retained() : routes.plain();
  }
}

/** To the same nodes, with the retain flag and without; made when first asked for. */
class Routes<T extends LocalTarget> {
  readonly remote: readonly RemoteDelivery[];
  readonly loggedCount: number;
  readonly #entries: readonly PlanEntry<T>[];
  #plain: Route<T> | null = null;
  #retained: Route<T> | null = null;

  constructor(
    entries: readonly PlanEntry<T>[],
    remote: readonly RemoteDelivery[],
    loggedCount: number,
  ) {
    this.#entries = entries;
    this.remote = remote;
    this.loggedCount = loggedCount;
  }

  plain(): Route<T> {
    this.#plain ??= this.#routeForAll(false);
    return this.#plain;
  }

  retained(): Route<T> {
    this.#retained ??= this.#routeForAll(true);
    return this.#retained;
  }

  #routeForAll(retain: boolean): Route<T> {
    const only = this.#entries.length === 1 ? this.#entries[0]! : null;
    const local =
      only !== null ? only.deliveries(retain) : mergeLocals(this.#entries, null, retain);
    return { local, remote: this.remote, loggedCount: this.loggedCount };
  }
}

/** One delivery per session, whichever of its subscriptions match; `publisherId` null: No Local does not concern anyone. */
function mergeLocals<T extends LocalTarget>(
  entries: readonly PlanEntry<T>[],
  publisherId: string | null,
  retain: boolean,
): readonly LocalDelivery<T>[] {
  const byTarget = new Map<T, LocalDelivery<T>>();
  for (const entry of entries) {
    entry.members.forEach((member) => {
      if (publisherId !== null && member.isExcluded(publisherId)) {
        return;
      }
      const delivery = member.delivery(retain);
      const other = byTarget.get(member.target);
      byTarget.set(
        member.target,
        other === undefined ? delivery : mergeDeliveries(other, delivery),
      );
    });
  }
  return [...byTarget.values()];
}

function collectRemotes<T extends LocalTarget>(
  entries: readonly PlanEntry<T>[],
  isLogged: boolean,
): readonly RemoteDelivery[] {
  const nodeIds = new Set<NodeId>();
  for (const entry of entries) {
    entry.remotes.forEach((weight, nodeId) => {
      if (!isLogged || weight !== filterWeight.unlogged) nodeIds.add(nodeId);
    });
  }
  return [...nodeIds].map((nodeId) => ({ nodeId, shares: noShares, isPlain: true }));
}

function collectNoLocalIds<T extends LocalTarget>(
  entries: readonly PlanEntry<T>[],
): ReadonlySet<string> | null {
  let clientIds: Set<string> | null = null;
  for (const entry of entries) {
    entry.members.forEach(({ subscription, target }) => {
      if (subscription.noLocal) {
        clientIds ??= new Set();
        clientIds.add(target.clientId);
      }
    });
  }
  return clientIds;
}

/** A plan over a single filter shares that filter's arrays; any other has its own. */
function countMerged<T extends LocalTarget>(entries: readonly PlanEntry<T>[]): number {
  return entries.length === 1 ? 0 : entries.reduce((sum, { members }) => sum + members.size, 0);
}
