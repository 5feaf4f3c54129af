import { randomBytes } from "node:crypto";
import {
  type GossipSub,
  type GossipsubOpts,
  gossipsub,
  StrictNoSign,
} from "@chainsafe/libp2p-gossipsub";
import { broadcastQueueSizeBytesMax, type TransportLimits } from "../limits.ts";
import { isNodeId, type NodeId } from "../node-id.ts";

const topic = "flockmq/1";

/** Origin (16), start of the origin's process (8, random), sequence number (8): together the message's identity. */
const envelopeSizeBytes = 32;
const originSizeBytes = 16;

/**
 * gossipsub for a private cluster. Its defaults fit the open internet: with peer scoring 12 nodes on one address
 * prune each other, and 15 ignore each other altogether.
 */
const parameters: Partial<GossipsubOpts> = {
  globalSignaturePolicy: StrictNoSign,
  allowPublishToZeroTopicPeers: true,
  ignoreDuplicatePublishError: true,
  allowedTopics: [topic],
  // Every linked node hears it directly from its origin; the mesh is for those that are not linked to it.
  floodPublish: true,
  fallbackToFloodsub: false,
  emitSelf: false,
  doPX: false,
  tagMeshPeers: false,
  D: 6,
  Dlo: 4,
  Dhi: 12,
  Dlazy: 6,
  heartbeatInterval: 500,
  mcacheLength: 20,
  mcacheGossip: 6,
  maxOutboundBufferSize: broadcastQueueSizeBytesMax,
  maxInboundDataLength: 1024 * 1024,
  scoreParams: { IPColocationFactorWeight: 0, behaviourPenaltyWeight: 0, topics: {} },
  msgIdFn: (message) => message.data.slice(0, envelopeSizeBytes),
};

export function broadcastService(): ReturnType<typeof gossipsub> {
  return gossipsub(parameters);
}

export interface BroadcastOptions {
  readonly pubsub: GossipSub;
  readonly nodeId: NodeId;
  readonly limits: TransportLimits;
  readonly onBroadcast: (from: NodeId, payload: Uint8Array) => void;
  readonly onDropped: (reason: "too_large" | "failed", error: unknown) => void;
}

/** Best effort to all: the payload travels in an envelope that names its origin, since relays hand it on. */
export class Broadcast {
  readonly #options: BroadcastOptions;
  readonly #envelope: Buffer;
  #sequence = 0n;

  constructor(options: BroadcastOptions) {
    const { pubsub, nodeId } = options;
    this.#options = options;
    this.#envelope = Buffer.concat([Buffer.from(nodeId, "hex"), randomBytes(16)]);
    pubsub.addEventListener("message", ({ detail }) => this.#receive(detail.data));
  }

  /** Once libp2p runs. */
  join(): void {
    this.#options.pubsub.subscribe(topic);
  }

  publish(payload: Uint8Array): void {
    const { pubsub, limits, onDropped } = this.#options;
    if (payload.length > limits.broadcastSizeBytesMax) {
      onDropped("too_large", new Error(`a broadcast of ${payload.length} bytes`));
      return;
    }
    this.#sequence += 1n;
    this.#envelope.writeBigUInt64BE(this.#sequence, envelopeSizeBytes - 8);
    const bytes = Buffer.concat([this.#envelope, payload]);
    pubsub.publish(topic, bytes).catch((error: unknown) => onDropped("failed", error));
  }

  /** The peers that take part, as libp2p's ids: a linked one that is missing has lost its gossip stream. */
  subscribers(): readonly string[] {
    return this.#options.pubsub.getSubscribers(topic).map((peer) => peer.toString());
  }

  #receive(bytes: Uint8Array): void {
    if (bytes.length < envelopeSizeBytes) return;
    const origin = Buffer.from(bytes.subarray(0, originSizeBytes)).toString("hex");
    if (!isNodeId(origin) || origin === this.#options.nodeId) return;
    this.#options.onBroadcast(origin, bytes.subarray(envelopeSizeBytes));
  }
}
