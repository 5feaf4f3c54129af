import type { NodeId } from "#cluster";
import type { DeliveryOptions, Subscription } from "../session/session-api.ts";

/** Where the router delivers locally; the broker's session entry implements it. */
export interface LocalTarget {
  readonly clientId: string;
  /** For shared subscriptions: a member that cannot take a message now is passed over. */
  readonly isAvailable: boolean;
}

export interface LocalDelivery<T extends LocalTarget> {
  readonly target: T;
  readonly options: DeliveryOptions;
}

export interface RemoteDelivery {
  readonly nodeId: NodeId;
  /** Shared subscriptions (`$share/{ShareName}/{filter}`) for which that node was chosen; it picks the member. */
  readonly shares: readonly string[];
  /** True when the node has an ordinary subscription that matches. */
  readonly isPlain: boolean;
}

export interface Route<T extends LocalTarget> {
  readonly local: readonly LocalDelivery<T>[];
  readonly remote: readonly RemoteDelivery[];
}

/** What changed in what this node wants, to be handed to `cluster.setInterest`. */
export interface InterestUpdate {
  readonly key: string;
  readonly weight: number;
}

/**
 * Who gets a message: one lookup over local subscriptions and the interest of the other nodes. Implemented by `Router` in
 * router.ts. Interest keys are topic filters: weight 1 for an ordinary filter with at least one local subscriber, the number
 * of local members for a shared one.
 */
export interface RouterCore<T extends LocalTarget> {
  /** Adds or replaces; answers the interest that changed (null = none). */
  subscribe(target: T, subscription: Subscription): InterestUpdate | null;
  unsubscribe(target: T, filter: string): InterestUpdate | null;
  setRemoteInterest(nodeId: NodeId, key: string, weight: number): void;
  clearRemoteInterest(nodeId: NodeId): void;
  /** A suspended node gets no share of a shared subscription, but still every ordinary message. */
  setSuspended(nodeId: NodeId, isSuspended: boolean): void;
  /** For a message that entered the cluster here. `isPassedOver`: shared subscriptions that somebody else serves. */
  route(
    topic: string,
    publisherId: string,
    retain: boolean,
    isPassedOver?: (groupKey: string) => boolean,
  ): Route<T>;
  /** For a message that another node forwarded: ordinary subscribers if `isPlain`, plus one member for each share. */
  routeForwarded(
    topic: string,
    publisherId: string,
    retain: boolean,
    isPlain: boolean,
    shares: readonly string[],
  ): readonly LocalDelivery<T>[];
  metrics(): ReadonlyMap<string, number>;
  /** Counts for status and `$SYS`. */
  readonly subscriptionCount: number;
  readonly sharedSubscriptionCount: number;
}
