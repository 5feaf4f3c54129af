import { randomBytes } from "node:crypto";
import type { GossipSub } from "@chainsafe/libp2p-gossipsub";
import { privateKeyFromRaw } from "@libp2p/crypto/keys";
import { type Identify, identify } from "@libp2p/identify";
import type { Connection, Libp2p, MultiaddrConnection, StreamHandler } from "@libp2p/interface";
import { mdns } from "@libp2p/mdns";
import { tcp } from "@libp2p/tcp";
import { createLibp2p } from "libp2p";
import { streamsPerProtocolMax, type TransportLimits } from "../limits.ts";
import type { Identity } from "./identity.ts";
import { broadcastService } from "./libp2p-broadcast.ts";
import { quietLogger } from "./libp2p-log.ts";
import { muxer } from "./libp2p-muxer.ts";
import { noiseWithSecret } from "./libp2p-noise.ts";
import type { SecretKeys } from "./secret.ts";

export type Libp2pNode = Libp2p<{ identify: Identify; pubsub: GossipSub }>;

export interface NodeOptions {
  readonly identity: Identity;
  readonly keys: SecretKeys;
  readonly listen: readonly string[];
  readonly version: string;
  readonly isMdnsEnabled: boolean;
  readonly limits: TransportLimits;
  /** Whether the peer at the other end is verified: only then gossip and identify are served. */
  readonly isVerified: (connection: Connection) => boolean;
  /** Asked about each connection that comes in, before anything is read of it. */
  readonly denies: (connection: MultiaddrConnection) => boolean;
  readonly onStreamRefused: (protocol: string) => void;
  readonly onHandshakeFailure: (remoteAddress: string) => void;
  readonly onMdnsError: (error: unknown) => void;
}

const dialTimeoutMaxMs = 3_600_000;
const mdnsQueryMs = 10_000;
const negotiationTimeoutMs = 3000;

/** A libp2p node with every limit set that its defaults put too low for a cluster. It does not listen yet. */
export function createNode(options: NodeOptions): Promise<Libp2pNode> {
  const { identity, keys, limits, version } = options;
  const gate = gatekeeper(options);
  return createLibp2p({
    start: false,
    privateKey: privateKeyFromRaw(Buffer.concat([identity.seed, identity.publicKey])),
    addresses: { listen: [...options.listen] },
    transports: [tcp(socketOptions(limits))],
    connectionEncrypters: [noiseWithSecret(keys.noisePrologue, options.onHandshakeFailure)],
    streamMuxers: [muxer()],
    connectionManager: {
      maxConnections: limits.connectionsMax,
      // `denies` refuses before, and counts.
      maxIncomingPendingConnections: 2 * limits.pendingConnectionsMax,
      inboundConnectionThreshold: limits.connectionsPerSecondMax,
      // Who came in is cut off before, and counted.
      inboundUpgradeTimeout: 2 * limits.handshakeTimeoutMs,
      maxParallelDials: limits.dialsMax,
      maxDialQueueLength: 4 * limits.dialsMax,
      // The deadline is the caller's; libp2p's own for each address (default 6 s) would come before it.
      addressDialTimeout: dialTimeoutMaxMs,
      // One peer that hangs must not hold up the others: gossipsub opens its streams one after the other.
      outboundStreamProtocolNegotiationTimeout: negotiationTimeoutMs,
      inboundStreamProtocolNegotiationTimeout: negotiationTimeoutMs,
      // The member driver dials again; libp2p gives up after five tries and forgets the peer.
      reconnectRetries: 0,
    },
    // It would close the connection to a paused peer: the member driver decides that.
    connectionMonitor: { enabled: false },
    connectionGater: { denyDialMultiaddr: () => false, denyInboundConnection: options.denies },
    nodeInfo: { name: "flockmq", version, userAgent: `flockmq/${version}` },
    logger: quietLogger((component, args) => {
      if (component.startsWith("libp2p:mdns")) options.onMdnsError(args[1] ?? args[0]);
    }),
    peerDiscovery: options.isMdnsEnabled ? [mdns(discoveryOptions(keys))] : [],
    services: {
      identify: (components: Parameters<ReturnType<typeof identify>>[0]) => {
        const { peerId, privateKey, peerStore, addressManager, events, logger, nodeInfo } =
          components;
        const registrar = gate(components.registrar);
        return identify({ runOnConnectionOpen: false })({
          ...{ peerId, privateKey, peerStore, addressManager, events, logger, nodeInfo, registrar },
        });
      },
      pubsub: (components: Parameters<ReturnType<typeof broadcastService>>[0]) => {
        const { peerId, privateKey, peerStore, connectionManager, logger } = components;
        const registrar = gate(components.registrar);
        return broadcastService()({
          ...{ peerId, privateKey, peerStore, connectionManager, logger, registrar },
        });
      },
    },
  });
}

function socketOptions(limits: TransportLimits): Parameters<typeof tcp>[0] {
  return {
    // 0 turns the timeout off (default two minutes): an idle link is a good link.
    inboundSocketInactivityTimeout: 0,
    outboundSocketInactivityTimeout: 0,
    maxConnections: limits.connectionsMax + limits.pendingConnectionsMax,
    dialOpts: { noDelay: true },
    listenOpts: { noDelay: true },
  };
}

function discoveryOptions(keys: SecretKeys): Parameters<typeof mdns>[0] {
  return {
    // The tag follows from the secret: nodes of other clusters neither ask nor answer.
    serviceTag: `_flockmq-${keys.discoveryTag}._udp.local`,
    peerName: randomBytes(16).toString("hex"),
    interval: mdnsQueryMs,
  };
}

interface HandlerRegistry {
  handle(protocol: string, handler: StreamHandler, options?: object): Promise<void>;
}

/**
 * Wraps a registrar so that handlers registered through it see streams of verified peers only. (libp2p's own
 * middleware would do, but 3.3 appends the handler to the shared list on every stream.)
 */
function gatekeeper(options: NodeOptions): <R extends HandlerRegistry>(registrar: R) => R {
  return (registrar) =>
    new Proxy(registrar, {
      get(target, property) {
        const value: unknown = Reflect.get(target, property);
        if (property === "handle") {
          return (protocol: string, handler: StreamHandler, handlerOptions: object = {}) => {
            const gated: StreamHandler = (stream, connection) => {
              if (options.isVerified(connection)) return handler(stream, connection);
              options.onStreamRefused(protocol);
              stream.abort(new Error("the peer is not verified"));
            };
            const bounded = { maxInboundStreams: streamsPerProtocolMax, ...handlerOptions };
            return target.handle(protocol, gated, bounded);
          };
        }
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
}
