import type { ClusterError } from "./errors.ts";
import type { NodeId } from "./node-id.ts";
import type { Clock, Log, Random } from "./ports.ts";
import type { StateMachine } from "./state-machine.ts";
import type { NodeFigures } from "./status.ts";

/** How a node without a cluster gets one. A data directory that already belongs to a cluster goes back to it, whatever this says. */
export type Formation =
  /** Forms a cluster of one. */
  | { readonly kind: "found" }
  /**
   * Joins where one of `addresses` (HOST:PORT) answers; with `isDiscovering`, also what is found on this machine
   * and by mDNS. Never forms a cluster; tries until it finds one.
   */
  | {
      readonly kind: "join";
      readonly addresses: readonly string[];
      readonly isDiscovering: boolean;
      /**
       * This node was this member until it lost its data. As soon as that one counts as down, it takes over the name and that
       * member is removed: nobody has the old key any more.
       */
      readonly former?: { readonly nodeId: NodeId; readonly name: string };
    }
  /** Waits until `count` nodes without a cluster know each other, then exactly one of them founds and the rest join. */
  | {
      readonly kind: "expect";
      readonly count: number;
      readonly addresses: readonly string[];
      readonly isDiscovering: boolean;
    };

/** How many nodes there are to be at least; 0 when nobody said. */
export function expectedNodes(formation: Formation): number {
  return formation.kind === "expect" ? formation.count : 0;
}

/** Milliseconds; `docs/options.md` gives the reasons. */
export interface ClusterTimings {
  readonly tickMs: number;
  /** In ticks. */
  readonly heartbeatTicks: number;
  readonly electionTicks: number;
  /** Liveness between nodes. */
  readonly pingMs: number;
  readonly suspectMs: number;
  readonly downMs: number;
  /** How long a learner must be caught up and healthy before it is promoted. */
  readonly stabilizationMs: number;
  /** How long a voter must be down before a healthy learner takes its place. */
  readonly replaceVoterAfterMs: number;
}

export const defaultTimings: ClusterTimings = {
  tickMs: 25,
  heartbeatTicks: 2,
  electionTicks: 16,
  pingMs: 250,
  suspectMs: 1500,
  downMs: 5000,
  stabilizationMs: 2000,
  replaceVoterAfterMs: 30_000,
};

export interface ClusterOptions {
  /** Exclusive to this node; made when missing. */
  readonly dataDir: string;
  /** Directory whose other sub-directories may belong to nodes on this machine (`peer.json`); null = do not look. */
  readonly siblingRoot: string | null;
  /** Asked for by the operator; null = `n1`, `n2`, ... whichever is free in the cluster. */
  readonly name: string | null;
  readonly peerHost: string;
  readonly peerPort: number;
  /** False: the next free port is taken when `peerPort` is in use. */
  readonly isPeerPortFixed: boolean;
  readonly isMdnsEnabled: boolean;
  /** At least 16 bytes; without it no link opens. */
  readonly secret: Uint8Array;
  readonly formation: Formation;
  readonly votersMax: number;
  /** What fails together with this node; voters are spread over zones. Null or left out: nobody said. */
  readonly zone?: string | null;
  readonly stateMachine: StateMachine;
  readonly figures: () => NodeFigures;
  readonly version: string;
  readonly timings: ClusterTimings;
  /** Free disk space below which this node refuses proposals; 0 = none, null: 5 % of the file system, at most 256 MiB. */
  readonly diskReserveSizeBytes?: number | null;
  /** Time between two checks of everything on the disk; 0 or left out: none. */
  readonly scrubIntervalMs?: number;
  /** Bytes per second of the snapshots that this node sends, all together; 0: no limit, left out: 64 MiB. */
  readonly snapshotBytesPerSecondMax?: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The disk failed or the state machine threw: the process must end at once. */
  readonly onFatal: (error: Error) => void;
  /**
   * The content of this node is wrong, and a majority of voters holds what is right. Called once, at once: nothing of it may be
   * served any more. Whoever is called stops the cluster and starts anew, which sets the database aside. Left out: `onFatal`.
   */
  readonly onCondemned?: (error: ClusterError) => void;
}
