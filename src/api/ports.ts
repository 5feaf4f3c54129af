import type { ClusterStatus, CompactedLog, Histogram, ReadOutcome } from "#cluster";
import type { ApplicationMessage } from "../mqtt/message.ts";
import type { PublishProperties, Qos } from "../mqtt/packets.ts";
import type { ClientQueries } from "./client-ports.ts";
import type { Peers } from "./peers.ts";

/** What the HTTP API needs of the node; the broker and the cluster implement it, the API knows nothing else. */

export interface AttributeState {
  readonly value: unknown;
  /** Log index of the write: grows with every change. */
  readonly version: number;
  /** Wall-clock milliseconds at which the leader took it in. */
  readonly timeMs: number;
  /** Client identifier of the publisher; empty for what the HTTP API wrote. */
  readonly source: string;
  /** Identifier of the node that took it in; empty where an older version wrote it. */
  readonly node: string;
}

/** A value that an attribute had, or has. */
export interface HistoryValue {
  readonly value: unknown;
  readonly version: number;
  readonly timeMs: number;
}

export interface DeviceState {
  readonly id: string;
  readonly attributes: ReadonlyMap<string, AttributeState>;
  readonly version: number;
  readonly updatedAtMs: number;
  /** The client that published its state last, or the one of its name, is connected to a node of the cluster. */
  readonly online: boolean;
  /** When it wrote, or such a client came or went last. */
  readonly lastSeenMs: number;
}

export interface DeviceQueries {
  count(): number;
  get(id: string): DeviceState | null;
  /** Sorted by id, starting after `after`. */
  list(after: string, limit: number): readonly DeviceState[];
  /** What this node remembers of an attribute, the current value last; empty when there is none. */
  history(id: string, attribute: string, limit: number): readonly HistoryValue[];
  /** Calls back after each applied change, also of `online`; returns the way to stop. */
  onChanged(handler: (id: string) => void): () => void;
  /** Log index of the newest command that this state has; while `onChanged` calls back, that of the change. 0 = not known yet. */
  readonly index: number;
  /** How often the whole state was replaced by another one. */
  readonly replacedCount: number;
}

/** A subscription at QoS 0 that no client has. */
export interface MessageWatch {
  /** Every live node knows of it, and what is retained is at least as new as anything acknowledged before. */
  readonly isLive: Promise<void>;
  /** Retained messages that match, each once, at most so many. */
  retained(countMax: number): Promise<readonly ApplicationMessage[]>;
  close(): void;
}

export type MessageHeard = (message: ApplicationMessage, isRetained: boolean) => void;

/** Whoever looks on without being an MQTT client. */
export interface Onlooker {
  readonly username: string | null;
}

export interface BrokerFigures {
  readonly connections: number;
  readonly sessions: number;
  readonly subscriptions: number;
  readonly sharedSubscriptions: number;
  readonly retained: number;
  readonly devices: number;
  /** Name -> value, all counters of the broker (`docs/metrics.md`). */
  readonly counters: ReadonlyMap<string, number>;
}

export interface PublishRequest {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: Qos;
  readonly retain: boolean;
  readonly properties?: PublishProperties | null;
  /** With `retain`: nothing is written unless the topic's retained message has this version; 0 = there must be none. */
  readonly expectedVersion?: number | undefined;
}

export interface PublishResult {
  /** Subscribers that it matched. */
  readonly matched: number;
  /** "queued": only for sessions that are away; "nobody": it matched no subscription. */
  readonly delivery: "delivered" | "queued" | "nobody";
  /** Of the retained message; 0 when it was not retained. */
  readonly version: number;
}

/** One attribute of one device by name; an undefined value removes it. */
export interface AttributeWrite {
  readonly device: string;
  readonly attribute: string;
  readonly value: unknown;
  /** Nothing is written unless the attribute has this version; 0 = there must be none. */
  readonly expectedVersion?: number | undefined;
}

/** What a device is to be, what it says it is, and the fields in which that differs. */
export interface ShadowState {
  /** Of the last change that came through the shadow; 0 = none did. */
  readonly version: number;
  readonly desired: Readonly<Record<string, unknown>>;
  readonly reported: Readonly<Record<string, unknown>>;
  readonly delta: Readonly<Record<string, unknown>>;
}

export interface RetainedState {
  readonly payload: Buffer;
  /** Log index of the write: grows with every change. */
  readonly version: number;
}

export interface RetainedMessage extends RetainedState {
  readonly topic: string;
  readonly qos: Qos;
  readonly receivedAtMs: number;
  readonly publisherId: string;
}

/** A message to one of this node's response topics. */
export interface Reply {
  readonly payload: Buffer;
  readonly properties: PublishProperties | null;
}

/** Waits for the answer to a command. */
export interface ReplyWait {
  /** Where the answer goes, from any node. */
  readonly topic: string;
  readonly correlation: Buffer;
  /** Null when none came in time. */
  reply(timeoutMs: number): Promise<Reply | null>;
  cancel(): void;
}

/** How far a node is with moving its clients to others. */
export interface DrainState {
  readonly node: string;
  /** "moving": its clients are on their way; "handing-over": it still leads the cluster; "drained": nothing is left but to stop it. */
  readonly phase: "off" | "moving" | "handing-over" | "drained";
  readonly clientsLeft: number;
  readonly clientsMoved: number;
  /** What keeps it from being drained, for a person; null when nothing does. */
  readonly problem: string | null;
}

export interface NodePort {
  readonly name: string;
  readonly version: string;
  readonly startedAtMs: number;
  readonly devices: DeviceQueries;
  figures(): BrokerFigures;
  clusterMetrics(): ReadonlyMap<string, number>;
  /** By the name that Prometheus knows them by. */
  histograms(): ReadonlyMap<string, Histogram>;
  clusterStatus(): Promise<ClusterStatus>;
  /** As `clusterStatus`, with every replica's digest made anew from its records on disk. */
  verifyCluster(): Promise<ClusterStatus>;
  /** Rejects with ClusterError `unknown-node`, as the next three do. */
  removeMember(nameOrId: string): Promise<void>;
  /** To the named voter, or the best one; answers the new leader's name. */
  transferLeadership(nameOrId: string | null): Promise<string>;
  /** Cuts the log of the named member, or of all. */
  compactLog(nameOrId: string | null): Promise<readonly CompactedLog[]>;
  /** Why stopping these members at the same time would cost something; no reasons when it would not. */
  stopRisks(
    namesOrIds: readonly string[],
  ): Promise<{ readonly nodes: readonly string[]; readonly reasons: readonly string[] }>;
  /**
   * Moves the clients of the named member to the others, then its leadership; what it answers is the beginning. Rejects with
   * ClusterError, `change-refused` when there is nobody to move them to.
   */
  drain(nameOrId: string, clientsPerSecond: number): Promise<DrainState>;
  cancelDrain(nameOrId: string): Promise<DrainState>;
  drainState(nameOrId: string): Promise<DrainState>;
  isReady(): boolean;
  /** Why not ready, for /readyz?verbose. */
  readiness(): readonly { readonly name: string; readonly isOk: boolean }[];
  stalenessMs(): number;
  /** "ok": local reads from now on see everything acknowledged before the call, on any node. */
  readBarrier(timeoutMs: number): Promise<ReadOutcome>;
  /** Resolves when the promise of the message's QoS is true; rejects with BrokerError. */
  publish(request: PublishRequest): Promise<PublishResult>;
  /** Throws BrokerError `topic-invalid` or `not-authorized`. */
  watchMessages(filters: readonly string[], onlooker: Onlooker, heard: MessageHeard): MessageWatch;
  /** Null before this node is in a cluster. */
  readonly clusterId: string | null;
  /** Null when the topic has no retained message, or only one that has expired. */
  getRetained(topic: string): RetainedState | null;
  /** The name of a node, or the identifier itself where it is not known (any more). */
  nodeName(nodeId: string): string;
  /** Null when there is no such device. */
  shadowOf(device: string): ShadowState | null;
  /**
   * Merges into what the device is to be; null empties it. With a version nothing is written unless the shadow has it; 0 = there must be
   * none. Resolves when it is committed; rejects with BrokerError.
   */
  setDesired(
    device: string,
    state: Readonly<Record<string, unknown>> | null,
    expectedVersion: number | undefined,
  ): Promise<ShadowState>;
  /** False when there was no such device; rejects with BrokerError. */
  deleteDevice(device: string): Promise<boolean>;
  /** In order and in pieces, which may be empty; what changes while they are walked may or may not be among them. */
  retainedTopics(filter: string): Iterable<readonly string[]>;
  /** As `getRetained`, with what stands beside the payload. */
  retainedMessage(topic: string): RetainedMessage | null;
  readonly clients: ClientQueries;
  readonly peers: Peers;
  /** Resolves when an answer would be heard whichever node it is published to. Rejects with BrokerError. */
  awaitReply(): Promise<ReplyWait>;
  /** Resolves when the write is committed; rejects with BrokerError. */
  setAttribute(write: AttributeWrite): Promise<{ readonly version: number }>;
}
