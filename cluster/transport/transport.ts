import type { NodeId } from "../node-id.ts";

/**
 * The kinds of frames between two linked nodes. Each has a long-lived stream and a bounded queue of its own, so that
 * forwarded messages never delay a heartbeat. Order is kept within a channel, not between channels.
 */
export const Channel = {
  raft: 0,
  /** Liveness, interest digests, proposals to the leader. */
  control: 1,
  /** Messages on their way to another node's subscribers. */
  forward: 2,
} as const;
export type Channel = (typeof Channel)[keyof typeof Channel];

export type SendResult =
  /** Queued; leaves at the end of this turn of the event loop, together with what else was sent. */
  | "queued"
  /** The channel's queue is full; nothing was queued, a counter was bumped. */
  | "full"
  /** No link to that node right now. */
  | "down";

/** What a node tells a peer when a link opens; refused links never become visible above. */
export interface Hello {
  readonly nodeId: NodeId;
  readonly name: string;
  /** Null until the node founded or joined a cluster. Two different non-null ids never link. */
  readonly clusterId: string | null;
  readonly incarnation: number;
  readonly version: string;
  /** HOST:PORT at which the node can be dialled, best first. */
  readonly addresses: readonly string[];
}

export type LinkEvent =
  | { readonly type: "up"; readonly nodeId: NodeId; readonly hello: Hello }
  /** `reset`: the other end vanished (its process died); `closed`: either end closed it on purpose. */
  | { readonly type: "down"; readonly nodeId: NodeId; readonly reason: "reset" | "closed" };

export interface TransportHandlers {
  /** `frame` is valid during the call only where the implementation says so; copy what is kept. */
  readonly onFrame: (from: NodeId, channel: Channel, frame: Uint8Array) => void;
  readonly onLink: (event: LinkEvent) => void;
  /** A request of `request()`; the promise's bytes go back, a rejection goes back as `remote-failure`. */
  readonly onRequest: (from: NodeId, kind: string, payload: Uint8Array) => Promise<Uint8Array>;
  /** A bulk transfer of `sendBulk()`: headers first, then chunks as the receiver pulls them (back-pressure). */
  readonly onBulk: (
    from: NodeId,
    kind: string,
    header: Uint8Array,
    chunks: AsyncIterable<Uint8Array>,
  ) => Promise<void>;
  /** A message of `broadcast()`; may arrive twice, late or never. */
  readonly onBroadcast: (from: NodeId, payload: Uint8Array) => void;
  /** Addresses learnt from mDNS; not linked yet. */
  readonly onDiscovered: (addresses: readonly string[]) => void;
}

/**
 * How frames travel between nodes. Both ends proved that they hold the cluster secret before any frame is read.
 * The transport keeps no link alive by itself: the member driver dials again (the default of libp2p gives up).
 */
export interface Transport {
  readonly nodeId: NodeId;
  /** Starts listening. `hello` is asked at every handshake, because name and cluster id come later. */
  start(
    handlers: TransportHandlers,
    hello: () => Omit<Hello, "nodeId" | "addresses">,
  ): Promise<void>;
  stop(): Promise<void>;
  /** The port in use. */
  readonly port: number;
  /** HOST:PORT pairs at which this node can be dialled, loopback last. */
  addresses(): readonly string[];
  /**
   * Links to HOST:PORT, or answers with the existing link. Errors: `unreachable`, `wrong-secret`, `wrong-cluster`,
   * `version-mismatch`, `timeout`.
   */
  dial(address: string, timeoutMs: number): Promise<Hello>;
  /** Closes the link and refuses it until `dial` or the peer opens it again. */
  disconnect(nodeId: NodeId): Promise<void>;
  links(): readonly NodeId[];
  /** Copies the frame: the caller may use its memory again. One above the size limit is dropped as "full", counted. */
  send(to: NodeId, channel: Channel, frame: Uint8Array): SendResult;
  request(to: NodeId, kind: string, payload: Uint8Array, timeoutMs: number): Promise<Uint8Array>;
  sendBulk(
    to: NodeId,
    kind: string,
    header: Uint8Array,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<void>;
  /** Best effort to every linked node (gossipsub). */
  broadcast(payload: Uint8Array): void;
  /** Per linked node: bytes waiting, frames sent and received, round trip if known. */
  stats(): readonly LinkStats[];
}

export interface LinkStats {
  readonly nodeId: NodeId;
  readonly queuedSizeBytes: number;
  readonly sentFrames: number;
  readonly sentSizeBytes: number;
  readonly receivedFrames: number;
  readonly receivedSizeBytes: number;
  readonly droppedFrames: number;
}
