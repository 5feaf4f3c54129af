import type { NodeId } from "#cluster";
import type { DeliveryOptions, Subscription } from "../session/session-api.ts";

/** Where the router delivers locally; the broker's session entry implements it. */
export interface LocalTarget {
  readonly clientId: string;
  /** For shared subscriptions: a member that cannot take a message now is passed over. */
  readonly isAvailable: boolean;
  /** What it wants at QoS > 0 comes from the log. */
  readonly isStored: boolean;
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
  /** Further nodes, where only stored sessions wait that get the message from the log. */
  readonly loggedCount: number;
}

/** What changed in what this node wants, to be handed to `cluster.setInterest`. */
export interface InterestUpdate {
  readonly key: string;
  readonly weight: number;
}

/** Weights of an ordinary filter; 0 withdraws it. */
export const filterWeight = {
  /** Somebody there wants every message from the node that it came to. */
  everything: 1,
  /** All there are stored sessions at QoS > 0: what is published at QoS > 0 comes to them from the log. */
  unlogged: 2,
} as const;

/**
 * Who gets a message: one lookup over local subscriptions and the interest of the other nodes. Implemented by `Router` in
 * router.ts. Interest keys are topic filters: for an ordinary one the weight says what is wanted (`filterWeight`), for a shared one it is the
 * number of local members.
 */
export interface RouterCore<T extends LocalTarget> {
  /** Adds or replaces; answers the interest that changed (null = none). */
  subscribe(target: T, subscription: Subscription): InterestUpdate | null;
  unsubscribe(target: T, filter: string): InterestUpdate | null;
  setRemoteInterest(nodeId: NodeId, key: string, weight: number): void;
  clearRemoteInterest(nodeId: NodeId): void;
  /** A suspended node gets no share of a shared subscription, but still every ordinary message. */
  setSuspended(nodeId: NodeId, isSuspended: boolean): void;
  /**
   * For a message that entered the cluster here. `isServedByLog`, given where the log brings the message to stored sessions: shared
   * subscriptions that it serves; nodes that wait for it alone are left out.
   */
  route(
    topic: string,
    publisherId: string,
    retain: boolean,
    isServedByLog?: (groupKey: string) => boolean,
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
