import type { NodeId } from "#cluster";
import type { AttributeState, DeviceQueries } from "../api/ports.ts";
import type { ApplicationMessage } from "../mqtt/message.ts";
import type { ShareStrategy } from "../routing/share-strategy.ts";
import type { Subscription } from "../session/session-api.ts";
import type { QueueBounds } from "./sessions/queue-bounds.ts";
import type { SessionSettlement } from "./sessions/session-commands.ts";
import type { QueuedMessage, StoredSession } from "./sessions/stored-session.ts";

/** One attribute of one device, as the publishing node read it out of a message. Deterministic input for the state. */
export interface AttributeUpdate {
  readonly device: string;
  readonly attribute: string;
  readonly value: unknown;
  /** The value as JSON, where it was read from there. */
  readonly text?: string;
  /** The attribute goes when it was not written again for so long; 0 or left out = it stays. */
  readonly ttlSeconds?: number;
  /** An object takes the place of what was there instead of merging into it. */
  readonly isReplacing?: true;
}

/** What one client wrote under one claim. */
export interface StateGroup {
  readonly source: string;
  readonly fence: Fence;
  readonly updates: readonly AttributeUpdate[];
}

export type ShadowSection = Readonly<Record<string, unknown>>;

/**
 * Who may still write when the command is applied: anybody ("none": the broker's own messages), the node if it owns the
 * publisher's client identifier ("owner": its claim has no epoch yet), or only this very claim (its epoch). A message that a
 * hung node still holds must not come after what the same client has written elsewhere since.
 */
export type Fence = "none" | "owner" | number;

/** What the log carries. Encoded by `encodeCommand`, decoded inside `Replica.apply` (commands.ts). */
export type Command =
  /** Keeps (or, with an empty payload, clears) the retained message of its topic. */
  | {
      readonly type: "retain";
      readonly message: ApplicationMessage;
      /** Of `message.publisherId`; "none" when left out. */
      readonly fence?: Fence;
      readonly updates: readonly AttributeUpdate[];
      /** Compare and set: nothing is written unless the topic's retained message has this version; 0 = there is none. */
      readonly expectedVersion?: number;
      readonly qos2PacketId?: number;
      readonly shareStrategy?: ShareStrategy;
    }
  /**
   * A message that is not retained, for the sessions that are to have it however long they are away. With a packet identifier, here
   * and in "retain": published once however often it comes, until its identifier is released. Result: {@link RetainedResult}.
   */
  | {
      readonly type: "publish";
      readonly message: ApplicationMessage;
      readonly fence?: Fence;
      readonly updates: readonly AttributeUpdate[];
      readonly qos2PacketId?: number;
      /** Of the shared subscriptions that stored sessions have; round-robin when left out. */
      readonly shareStrategy?: ShareStrategy;
    }
  /** Device state without a retained message. */
  | {
      readonly type: "state";
      readonly source: string;
      /** Of `source`; "none" when left out. */
      readonly fence?: Fence;
      readonly updates: readonly AttributeUpdate[];
      /** Compare and set: nothing is written unless every attribute named has this version; 0 = there is none. */
      readonly expectedVersion?: number;
      /** Objects take the place of what was there instead of merging into it. */
      readonly isReplacing?: true;
    }
  /** A client connected: the node claims its identifier. Result: {@link ClaimResult}. */
  | {
      readonly type: "claim";
      readonly clientId: string;
      readonly cleanStart: boolean;
      readonly expirySeconds: number;
      readonly will?: Will;
      /** Of a stored session's queue; the built-in ones when left out. */
      readonly bounds?: QueueBounds;
    }
  /**
   * The connection ended; ignored unless `epoch` is the current one. Result: whether it was. With interval 0 the session has ended,
   * too. A Will that is still wanted is published when its delay is over.
   */
  | {
      readonly type: "disconnect";
      readonly clientId: string;
      readonly epoch: number;
      readonly expirySeconds: number;
      readonly isWillWanted: boolean;
      /** Up to where the stored queue was sent to the client; 0 = nothing of it. */
      readonly sentSeq: number;
    }
  /** For a stored session. Result: {@link SubscribeResult}. */
  | {
      readonly type: "subscribe";
      readonly clientId: string;
      readonly epoch: number;
      readonly subscriptions: readonly Subscription[];
    }
  /** For a stored session. Result: {@link SubscribeResult}, granted = there was such a subscription. */
  | {
      readonly type: "unsubscribe";
      readonly clientId: string;
      readonly epoch: number;
      readonly filters: readonly string[];
    }
  /** What clients of the proposing node have acknowledged since. Those with an old epoch are ignored and counted. */
  | { readonly type: "settle"; readonly settlements: readonly SessionSettlement[] }
  /** A node is down: the connections that it had in this incarnation have ended, and their Wills are due. */
  | { readonly type: "node-down"; readonly nodeId: NodeId; readonly incarnation: number }
  /** An operator ends a session, connected or not. Result: whether there was one. */
  | { readonly type: "end-session"; readonly clientId: string }
  /** Nothing but the time: something may be due. */
  | { readonly type: "tick" }
  /** Device state of many clients, which each write on their own. Result: {@link StatesResult}. */
  | { readonly type: "states"; readonly groups: readonly StateGroup[] }
  /**
   * Merges into what a device is to be (`desired`) and what it says it is (`reported`: its attributes); a null takes a field, or the
   * section, away. Result: {@link ShadowResult}.
   */
  | {
      readonly type: "shadow";
      readonly device: string;
      readonly source: string;
      /** Of `source`; "none" when left out. */
      readonly fence?: Fence;
      readonly desired?: ShadowSection | null;
      readonly reported?: ShadowSection | null;
      /** Compare and set: nothing is written unless the shadow has this version; 0 = there is none. */
      readonly expectedVersion?: number;
    }
  /** All that is known of a device goes. Result: {@link DeletedResult}. */
  | {
      readonly type: "delete-device";
      readonly device: string;
      readonly source: string;
      readonly fence?: Fence;
    };

/** A Will Message, and how long it waits when its connection has ended. */
export interface Will {
  /** Its topic, payload, QoS and retain flag, and the properties that are passed on; the client is its publisher. */
  readonly message: ApplicationMessage;
  readonly delaySeconds: number;
}

export interface SubscribeResult {
  /** One for each, in the order asked. */
  readonly granted: readonly boolean[];
  /** Nothing was done: the client has been claimed elsewhere, or its claim is gone. */
  readonly isFenced?: true;
}

export interface ClaimResult {
  /** Grows with every claim of this client identifier; fences all older owners. */
  readonly epoch: number;
  /** Who was connected until now. */
  readonly previous: { readonly nodeId: NodeId; readonly epoch: number } | null;
  /** There is a stored session to carry on with. */
  readonly isSessionPresent: boolean;
}

export interface RetainedResult {
  readonly version: number;
  /** Nothing was written: the client has been claimed elsewhere, or its claim is gone. */
  readonly isFenced?: true;
  /** Published before under the same packet identifier: nothing was done again. */
  readonly isRepeated?: true;
  /** Nothing was written: the store of messages for sessions is full. */
  readonly isFull?: true;
  /** Nothing was written: this is the version, not the expected one. */
  readonly currentVersion?: number;
}

export interface StatesResult {
  /** One for each group, in their order; 0 = nothing was written, because its client has been claimed elsewhere or its claim is gone. */
  readonly versions: readonly number[];
}

/** What a device is to be and what it says it is, at one moment. */
export interface ShadowDocument {
  /** Of the last change that came through the shadow; 0 = none did. */
  readonly version: number;
  readonly desired: ShadowSection;
  readonly reported: ShadowSection;
  /** Log time of the last change of each field. */
  readonly desiredTimesMs: Readonly<Record<string, number>>;
  readonly reportedTimesMs: Readonly<Record<string, number>>;
}

export interface ShadowResult {
  /** 0 = nothing was written. */
  readonly version: number;
  readonly isFenced?: true;
  /** The version that stood there instead of the expected one. */
  readonly currentVersion?: number;
  /** A bound, or a name that no device or attribute may have. */
  readonly refusal?: "too-large" | "too-many-devices" | "too-many-attributes" | "name";
  readonly previous?: ShadowDocument;
  readonly current?: ShadowDocument;
  /** Log time of the change. */
  readonly timeMs?: number;
}

export interface DeletedResult {
  readonly isDeleted: boolean;
  readonly isFenced?: true;
  /** Of the shadow that is gone; 0 = there was none. */
  readonly version: number;
  readonly timeMs: number;
}

export interface ClientOwner {
  readonly nodeId: NodeId;
  readonly epoch: number;
}

/** A walk that is carried on later. What comes meanwhile behind the place where it stands is met, what goes is not. */
export interface MessageWalk {
  readonly isAtEnd: boolean;
  /** The state is being replaced by a snapshot: until it is whole, the walk does not go on. */
  readonly isPaused: boolean;
  /**
   * Looks at no more than `stepsMax` topics, and visits what matches until `visit` answers false: that message is met again. Answers how
   * many topics it looked at.
   */
  advance(
    nowMs: number,
    stepsMax: number,
    /** `isChanged`: it was written after the walk began. */
    visit: (message: ApplicationMessage, isChanged: boolean) => unknown,
  ): number;
}

/** What the rest of the broker reads from the replicated state, and hears of. Implemented by `Replica` (replica.ts). */
export interface ReplicaQueries {
  readonly retainedCount: number;
  readonly retainedSizeBytes: number;
  readonly devices: DeviceQueries;
  /** Calls back with a copy of each retained message that matches, until `visit` answers false; order unspecified. Expired ones are skipped. */
  matchRetained(
    filter: string,
    nowMs: number,
    visit: (message: ApplicationMessage) => unknown,
  ): void;
  /** The same in pieces, in order of topics, while the state may change. */
  walkRetained(filter: string): MessageWalk;
  getRetained(topic: string): ApplicationMessage | null;
  /** The same message's version; 0 = none. */
  retainedVersionOf(topic: string): number;
  /** Of the latest entry with a command that this process applied; 0 = none yet. Versions of what came before may be above it. */
  readonly latestIndex: number;
  ownerOf(clientId: string): ClientOwner | null;
  /** Null when there is no such device. */
  shadowOf(device: string): ShadowDocument | null;
  readonly ownedClients: number;
  readonly sessions: SessionQueries;
  /**
   * After a claim was applied that took the identifier from an owner, or its claim ended although it did not say so itself, because its
   * node counts as down: then `owner` is null (on every node).
   */
  onOwnerChanged(
    handler: (clientId: string, owner: ClientOwner | null, previous: ClientOwner) => void,
  ): void;
  /** A session that is connected, here or elsewhere, has a message to deliver (on every node, while the log is being applied). */
  onQueued(handler: (entry: QueuedMessage) => void): void;
  /** A session that is connected loses a message that waits for it, to make room for a newer one (on every node; as above). */
  onDiscarded(handler: (entry: QueuedMessage) => void): void;
  /**
   * The log itself published: a Will (on every node, each of which delivers to its own sessions; as above). `origin` proposed the
   * command that brought it about: the one node that all agree on.
   */
  onPublished(handler: (message: ApplicationMessage, origin: NodeId) => void): void;
  /** The state was replaced by a snapshot: what was delivered may lag behind it. */
  onReplaced(handler: () => void): void;
  /** Log time at which something is due: a tick should be proposed then; Infinity when nothing is. */
  nextDueMs(): number;
  /** The latest start of a node that the log knows; 0 = none. */
  incarnationOf(nodeId: NodeId): number;
}

/** What the broker reads of the stored sessions. */
export interface SessionQueries {
  readonly count: number;
  readonly subscriptionCount: number;
  readonly messageCount: number;
  readonly messagesSizeBytes: number;
  /** Sessions whose interval passed, since this process started. */
  readonly expiredCount: number;
  get(clientId: string): StoredSession | null;
  /** Whether a message of this topic at QoS > 0 must go to the log for the sake of a session. */
  isStored(topic: string): boolean;
  /** Whether members of this shared subscription are stored sessions, which then share it among themselves. */
  hasGroup(key: string): boolean;
}

export type { AttributeState };
