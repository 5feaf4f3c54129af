import type { NodeId } from "./node-id.ts";

/** The shape of `cluster status --json` (DESIGN section 7). Outside tools rely on it. */
export interface ClusterStatus {
  readonly clusterId: string;
  readonly inSync: boolean;
  readonly quorum: boolean;
  /** The leader's name; null while none is known. */
  readonly leader: string | null;
  readonly term: number;
  readonly nodes: readonly NodeStatus[];
  /** Why `inSync` is false, for a person; empty when it is true. */
  readonly reasons: readonly string[];
  /** With `--verify`: how many replicas made their digest anew from their records on disk, compared at this index. */
  readonly verified?: { readonly index: number; readonly replicas: number };
}

export interface NodeStatus {
  readonly name: string;
  readonly nodeId: NodeId;
  /** As given with `--zone`; left out when none was. */
  readonly zone?: string;
  readonly role: "leader" | "follower" | "learner" | "candidate";
  readonly voter: boolean;
  readonly state: "up" | "suspect" | "down";
  readonly term: number;
  readonly lastIndex: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  /** Content digest of the replicated state at `digestIndex`, hex. */
  readonly digest: string;
  readonly digestIndex: number;
  /** Digest over the whole route table as this node sees it, hex. */
  readonly routesDigest: string;
  readonly routesCount: number;
  readonly retained: number;
  readonly devices: number;
  readonly sessions: number;
  readonly connections: number;
  readonly version: string;
  readonly uptimeSeconds: number;
  readonly ports: Readonly<Record<string, number>>;
  /** Its links to other nodes; left out for a node that does not answer, and by versions that do not tell. */
  readonly links?: readonly LinkStatus[];
}

/** One end of a link. The totals count frames since the link was made. */
export interface LinkStatus {
  /** The node at the other end. */
  readonly nodeId: NodeId;
  /** Of the last ping; null before the first answer. */
  readonly roundTripMs: number | null;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** Waiting to be sent. */
  readonly queuedBytes: number;
}

/** What the layer above adds to a node's own status line. */
export interface NodeFigures {
  readonly retained: number;
  readonly devices: number;
  readonly sessions: number;
  readonly connections: number;
  readonly ports: Readonly<Record<string, number>>;
}
