import { ClusterError } from "../errors.ts";
import { defaultTransportLimits, type TransportLimits } from "../limits.ts";
import type { NodeId } from "../node-id.ts";
import type { Cancel, Clock, Counters, Log, Random } from "../ports.ts";
import { checkIsElsewhere, dialFailure, dialTimeout } from "./dial-errors.ts";
import { protocolMajor } from "./hello.ts";
import type { Identity } from "./identity.ts";
import { Broadcast } from "./libp2p-broadcast.ts";
import { sendBulk } from "./libp2p-bulk.ts";
import { connect } from "./libp2p-dial.ts";
import { guardHandlers } from "./libp2p-guard.ts";
import { laneNames } from "./libp2p-lane.ts";
import type { Link } from "./libp2p-link.ts";
import { LinkTable } from "./libp2p-link-table.ts";
import {
  type ListenHost,
  listenOnFreePort,
  multiaddrOf,
  reachableAddresses,
  resolveListenHost,
} from "./libp2p-listen.ts";
import { createNode, type Libp2pNode } from "./libp2p-node.ts";
import { PendingConnections } from "./libp2p-pending.ts";
import { serveProtocols } from "./libp2p-protocols.ts";
import { QuietLog } from "./quiet-log.ts";
import { deriveKeys, type SecretKeys } from "./secret.ts";
import type {
  Channel,
  Hello,
  LinkStats,
  SendResult,
  Transport,
  TransportHandlers,
} from "./transport.ts";

export interface Libp2pTransportOptions {
  readonly identity: Identity;
  /** `0.0.0.0` and `::` listen everywhere; anything else on that address only. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly isPortFixed: boolean;
  /** At least 16 bytes. */
  readonly secret: Uint8Array;
  readonly isMdnsEnabled: boolean;
  readonly version: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly counters: Counters;
  readonly limits?: Partial<TransportLimits>;
  /** Another number than the default lets a test play a node of another major version. */
  readonly protocolMajor?: number;
}

/** What exists between `start` and `stop`. */
interface Running {
  readonly node: Libp2pNode;
  readonly links: LinkTable;
  readonly broadcast: Broadcast;
  readonly listenHost: ListenHost;
  readonly port: number;
}

const broadcastCheckMs = 5000;
const dialledAddressesMax = 16;

/** Frames between nodes over TCP, Noise and Yamux; broadcasts over gossipsub; discovery by mDNS. */
export class Libp2pTransport implements Transport {
  readonly nodeId: NodeId;
  readonly #options: Libp2pTransportOptions;
  readonly #limits: TransportLimits;
  readonly #keys: SecretKeys;
  readonly #quietLog: QuietLog;
  #running: Running | null = null;
  #hasLoggedMdns = false;
  #cancelSupervision: Cancel | null = null;

  /** Throws `option-invalid` when the secret is too short. */
  constructor(options: Libp2pTransportOptions) {
    this.nodeId = options.identity.nodeId;
    this.#options = options;
    this.#limits = { ...defaultTransportLimits, ...options.limits };
    this.#keys = deriveKeys(options.secret);
    this.#quietLog = new QuietLog(options.log, options.clock, this.#limits.loggedAddressesMax);
  }

  get port(): number {
    return this.#running?.port ?? this.#options.port;
  }

  async start(
    handlers: TransportHandlers,
    hello: () => Omit<Hello, "nodeId" | "addresses">,
  ): Promise<void> {
    const { host, port, isPortFixed } = this.#options;
    if (this.#running) throw new ClusterError("option-invalid", "the transport runs already");
    const listenHost = await resolveListenHost(host);
    const { counters, log } = this.#options;
    const guarded = guardHandlers(handlers, counters, log);
    await listenOnFreePort(listenHost.hosts, port, isPortFixed, this.#limits, async (free) => {
      const listen = listenHost.hosts.map((one) => multiaddrOf(one, free));
      await this.#run(listenHost, free, listen, guarded, hello);
    });
    this.#superviseBroadcast();
  }

  async stop(): Promise<void> {
    const running = this.#running;
    if (running === null) return;
    this.#running = null;
    this.#cancelSupervision?.();
    await running.links.closeAll();
    await running.node.stop();
  }

  addresses(): readonly string[] {
    const running = this.#running;
    return running ? reachableAddresses(running.listenHost, running.port) : [];
  }

  async dial(address: string, timeoutMs: number): Promise<Hello> {
    const { node, links } = this.#started();
    const known = links.all().find((link) => link.dialledAddresses.has(address));
    if (known) return known.hello;
    checkIsElsewhere(address, this.addresses());
    const deadline = new AbortController();
    const cancel = this.#options.clock.after(timeoutMs, () => deadline.abort());
    try {
      const link = await this.#link(node, links, address, deadline.signal);
      if (link.dialledAddresses.size < dialledAddressesMax) link.dialledAddresses.add(address);
      return link.hello;
    } finally {
      cancel();
    }
  }

  async disconnect(nodeId: NodeId): Promise<void> {
    const link = this.#running?.links.get(nodeId);
    if (link) await this.#running?.links.close(link);
  }

  links(): readonly NodeId[] {
    return this.#running?.links.all().map((link) => link.nodeId) ?? [];
  }

  send(to: NodeId, channel: Channel, frame: Uint8Array): SendResult {
    const link = this.#running?.links.get(to);
    if (link === undefined) return "down";
    const result = link.send(channel, frame);
    if (result === "full") {
      const fields = { peer: to, channel: laneNames[channel], sizeBytes: frame.length };
      this.#quietLog.warn(`full ${to} ${channel}`, fields, "frames dropped: the queue is full");
    }
    return result;
  }

  async request(
    to: NodeId,
    kind: string,
    payload: Uint8Array,
    timeoutMs: number,
  ): Promise<Uint8Array> {
    return this.#linkTo(to).requests.request(kind, payload, timeoutMs);
  }

  async sendBulk(
    to: NodeId,
    kind: string,
    header: Uint8Array,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const link = this.#linkTo(to);
    if (link.bulkTransfers >= this.#limits.bulkTransfersMax) {
      const message = `${link.bulkTransfers} bulk transfers to the peer at once`;
      throw new ClusterError("queue-full", message, { to, kind });
    }
    link.bulkTransfers++;
    try {
      await sendBulk(link.peer.connection, this.#limits, kind, header, chunks);
    } finally {
      link.bulkTransfers--;
    }
  }

  broadcast(payload: Uint8Array): void {
    this.#running?.broadcast.publish(payload);
  }

  stats(): readonly LinkStats[] {
    return this.#running?.links.all().map((link) => link.stats()) ?? [];
  }

  async #run(
    listenHost: ListenHost,
    port: number,
    listen: readonly string[],
    handlers: TransportHandlers,
    hello: () => Omit<Hello, "nodeId" | "addresses">,
  ): Promise<void> {
    const { clock, counters, log } = this.#options;
    const pending = this.#createPending();
    const links: LinkTable = new LinkTable({
      ...{ clock, counters, log, limits: this.#limits, helloKey: this.#keys.helloKey },
      protocolMajor: this.#options.protocolMajor ?? protocolMajor,
      local: () => ({ ...hello(), nodeId: this.nodeId, addresses: this.addresses() }),
      onFrame: handlers.onFrame,
      onRequest: handlers.onRequest,
      onUp: (link) => {
        pending.verified(link.peer.connection);
        handlers.onLink({ type: "up", nodeId: link.nodeId, hello: link.hello });
        this.#joinBroadcast(link);
      },
      onDown: (link, reason) => handlers.onLink({ type: "down", nodeId: link.nodeId, reason }),
    });
    const node = await this.#createNode(listen, links, pending);
    await serveProtocols({ node, links, pending, handlers, counters, limits: this.#limits });
    const broadcast = this.#createBroadcast(node, handlers);
    // Before start, because a peer may be linked before start returns.
    this.#running = { node, links, broadcast, listenHost, port };
    try {
      await node.start();
      broadcast.join();
    } catch (error) {
      this.#running = null;
      await node.stop();
      throw error;
    }
  }

  #createPending(): PendingConnections {
    const { clock, counters } = this.#options;
    return new PendingConnections({
      ...{ clock, counters, limits: this.#limits },
      onRefused: (host, reason) => {
        const message = "connection refused: it did not prove itself, or too many like it wait";
        this.#quietLog.warn(`pending ${reason} ${host}`, { host, reason }, message);
      },
    });
  }

  #createNode(
    listen: readonly string[],
    links: LinkTable,
    pending: PendingConnections,
  ): Promise<Libp2pNode> {
    const { identity, version, isMdnsEnabled, counters, log } = this.#options;
    return createNode({
      ...{ identity, keys: this.#keys, listen, version, isMdnsEnabled, limits: this.#limits },
      denies: (connection) => pending.denies(connection),
      isVerified: (connection) => links.on(connection) !== undefined,
      onStreamRefused: () => counters.add("transport_streams_refused"),
      onHandshakeFailure: (address) => {
        counters.add("transport_handshakes_failed");
        const host = address.split("/")[2] ?? address;
        const message = "peer refused: it has another cluster secret, or is no FlockMQ node";
        this.#quietLog.warn(`handshake ${host}`, { address }, message);
      },
      onMdnsError: (error) => {
        counters.add("transport_mdns_errors");
        if (this.#hasLoggedMdns) return;
        this.#hasLoggedMdns = true;
        const reason = error instanceof Error ? error.message : String(error);
        log.info({ reason }, "mDNS does not work here; peers are found by other means");
      },
    });
  }

  #createBroadcast(node: Libp2pNode, handlers: TransportHandlers): Broadcast {
    return new Broadcast({
      pubsub: node.services.pubsub,
      nodeId: this.nodeId,
      limits: this.#limits,
      onBroadcast: handlers.onBroadcast,
      onDropped: (reason, error) => {
        this.#options.counters.add(`transport_broadcasts_dropped_${reason}`);
        const why = error instanceof Error ? error.message : String(error);
        this.#quietLog.warn(`broadcast ${reason}`, { why }, "broadcast dropped");
      },
    });
  }

  /** Connects and waits for the link; a peer that is linked already answers with that link. */
  async #link(
    node: Libp2pNode,
    links: LinkTable,
    address: string,
    signal: AbortSignal,
  ): Promise<Link> {
    const aborted = new Promise<never>((_resolve, reject) => {
      signal.addEventListener("abort", () => reject(dialTimeout(address)), { once: true });
    });
    aborted.catch(() => {});
    const connection = await connect(node, address, signal);
    const opening = await Promise.race([links.opening(connection), aborted]).catch(
      (error: ClusterError) => {
        connection.abort(error);
        throw error;
      },
    );
    if (opening.type === "failed") throw explainFailure(address, opening.error);
    return Promise.race([links.whenLinked(opening.hello.nodeId, signal), aborted]);
  }

  /** gossipsub learns of a peer when identify has run; until then it hears no broadcast. */
  #joinBroadcast(link: Link): void {
    this.#running?.node.services.identify.identify(link.peer.connection).catch(() => {
      // The link broke, or the supervision below tries again.
    });
  }

  /** A peer can lose its gossip stream while the link lives (its queue overflowed): it is brought back. */
  #superviseBroadcast(): void {
    this.#cancelSupervision = this.#options.clock.after(broadcastCheckMs, () => {
      const running = this.#running;
      if (running === null) return;
      const subscribed = new Set(running.broadcast.subscribers());
      for (const link of running.links.all()) {
        if (subscribed.has(link.peer.connection.remotePeer.toString())) continue;
        this.#options.counters.add("transport_broadcast_rejoins");
        this.#joinBroadcast(link);
      }
      this.#superviseBroadcast();
    });
  }

  #linkTo(nodeId: NodeId): Link {
    const link = this.#started().links.get(nodeId);
    if (link) return link;
    throw new ClusterError("link-closed", `no link to ${nodeId}`, { nodeId });
  }

  #started(): Running {
    if (this.#running) return this.#running;
    throw new ClusterError("stopped", "the transport does not run");
  }
}

function explainFailure(address: string, error: ClusterError): ClusterError {
  const code =
    error.code === "link-closed" || error.code === "frame-malformed" ? "unreachable" : error.code;
  return dialFailure(code, address, error.message, error);
}
