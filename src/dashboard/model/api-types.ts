/** What the node answers, as far as the dashboard reads it. Everything comes from outside: readers take nothing for granted. */

export type NodeRole = "leader" | "follower" | "learner" | "candidate";
export type MemberState = "up" | "suspect" | "down";

export interface NodeLine {
  readonly name: string;
  readonly nodeId: string;
  readonly zone?: string;
  readonly role: NodeRole;
  readonly voter: boolean;
  readonly state: MemberState;
  readonly term: number;
  readonly lastIndex: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly digest: string;
  readonly digestIndex: number;
  readonly routesDigest: string;
  readonly routesCount: number;
  readonly retained: number;
  readonly devices: number;
  readonly sessions: number;
  readonly connections: number;
  readonly version: string;
  readonly uptimeSeconds: number;
  readonly ports: Readonly<Record<string, number>>;
  readonly links?: readonly LinkEnd[];
}

/** One end of a link between two nodes; totals since the link was made. */
export interface LinkEnd {
  readonly nodeId: string;
  readonly roundTripMs: number | null;
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

export interface ClusterLine {
  readonly clusterId: string;
  readonly inSync: boolean;
  readonly quorum: boolean;
  readonly leader: string | null;
  readonly term: number;
  readonly nodes: readonly NodeLine[];
  readonly reasons: readonly string[];
}

/** One device's attribute. */
export interface AttributeLine {
  readonly value: unknown;
  readonly version: number;
  readonly timeMs: number;
  readonly source?: string;
  readonly node?: string;
}

export interface DeviceLine {
  readonly id: string;
  readonly version: number;
  readonly updatedAtMs: number;
  readonly online?: boolean;
  readonly lastSeenMs?: number | null;
  readonly attributes: Readonly<Record<string, AttributeLine>>;
}

export interface PositionLine {
  readonly deviceId: string;
  readonly x: number;
  readonly y: number;
  readonly timestamp?: unknown;
}

/** What stands in a batch of positions besides them. */
export interface PositionMark {
  readonly deviceId?: string;
  /** The device has no position any more. */
  readonly isGone?: boolean;
  /** A full set begins before the next one, or has ended. */
  readonly isReset?: boolean;
  readonly isComplete?: boolean;
}

/** How far a node is with moving its clients away. */
export interface DrainLine {
  readonly node: string;
  readonly phase: "off" | "moving" | "handing-over" | "drained";
  readonly clientsLeft: number;
  readonly clientsMoved: number;
  readonly problem: string | null;
}

export interface ClientLine {
  readonly clientId: string;
  /** Null while it is away. */
  readonly node: string | null;
  readonly connected: boolean;
  readonly username?: string | null;
  readonly protocolVersion?: number | null;
  readonly keepAliveSeconds?: number | null;
  readonly remoteAddress?: string | null;
  readonly connectedAtMs?: number | null;
  readonly subscriptions?: number | null;
  readonly queued?: number | null;
  readonly stored?: boolean;
}

export interface ClientEvent {
  readonly timeMs: number;
  readonly event: string;
  readonly detail?: unknown;
  readonly node?: string;
}

export interface SubscriptionLine {
  readonly filter: string;
  readonly qos: number;
}

export interface ClientDetail extends ClientLine {
  readonly subscriptionsList?: readonly SubscriptionLine[];
  readonly inflight?: number | null;
  readonly queuedBytes?: number | null;
  readonly sessionExpirySeconds?: number | null;
  readonly will?: unknown;
  readonly events?: readonly ClientEvent[];
}

export interface RetainedLine {
  readonly topic: string;
  readonly payload: string;
  readonly text?: string;
  readonly qos?: number;
  readonly version?: number;
  readonly timeMs?: number;
  readonly sizeBytes?: number;
  readonly publisherId?: string | null;
}

/** A point of `/api/v1/stats/history`: names are the node's, values numbers. */
export type StatsPoint = Readonly<Record<string, unknown>> & { readonly timeMs: number };

export interface StatsHistory {
  readonly stepMs: number;
  readonly points: readonly StatsPoint[];
}
