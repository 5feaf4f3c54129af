import { ClusterError } from "../errors.ts";
import { defaultTransportLimits, type TransportLimits } from "../limits.ts";
import type { NodeId } from "../node-id.ts";
import type { Counters } from "../ports.ts";
import { checkIsElsewhere, dialFailure, dialTimeout, unreachable } from "./dial-errors.ts";
import { protocolMajor, type Refusal, refusalOf, versionRefusal } from "./hello.ts";
import { transferInMemory } from "./memory-bulk.ts";
import { MemoryLink } from "./memory-link.ts";
import type { MemoryConnection, MemoryNetwork, MemoryNode } from "./memory-network.ts";
import type {
  Channel,
  Hello,
  LinkStats,
  SendResult,
  Transport,
  TransportHandlers,
} from "./transport.ts";

export interface MemoryTransportOptions {
  readonly network: MemoryNetwork;
  readonly nodeId: NodeId;
  readonly secret: Uint8Array;
  readonly counters: Counters;
  readonly port?: number;
  readonly limits?: Partial<TransportLimits>;
  readonly protocolMajor?: number;
}

/** The answer to a dial. */
type Answer =
  | { readonly type: "linked"; readonly hello: Hello; readonly connection: MemoryConnection }
  | { readonly type: "refused"; readonly refusal: Refusal };

const portsFrom = 7001;

/** The transport of simulations: same contract, no sockets, deterministic on an injected clock. */
export class MemoryTransport implements Transport, MemoryNode {
  readonly nodeId: NodeId;
  readonly #options: MemoryTransportOptions;
  readonly #network: MemoryNetwork;
  readonly #limits: TransportLimits;
  readonly #links = new Map<NodeId, MemoryLink>();
  readonly #peers = new WeakMap<MemoryLink, MemoryTransport>();
  #handlers: TransportHandlers | null = null;
  #hello: () => Omit<Hello, "nodeId" | "addresses"> = () => {
    throw new ClusterError("stopped", "the transport does not run");
  };
  #port = 0;

  constructor(options: MemoryTransportOptions) {
    this.nodeId = options.nodeId;
    this.#options = options;
    this.#network = options.network;
    this.#limits = { ...defaultTransportLimits, ...options.limits };
  }

  get port(): number {
    return this.#port;
  }

  async start(
    handlers: TransportHandlers,
    hello: () => Omit<Hello, "nodeId" | "addresses">,
  ): Promise<void> {
    this.#handlers = handlers;
    this.#hello = hello;
    this.#port = this.#network.freePort(this.#options.port ?? portsFrom);
    this.#network.add(`memory:${this.#port}`, this);
  }

  async stop(): Promise<void> {
    for (const nodeId of this.links()) await this.disconnect(nodeId);
    this.#network.remove(this);
    this.#handlers = null;
  }

  addresses(): readonly string[] {
    return this.#handlers ? [`memory:${this.#port}`] : [];
  }

  dial(address: string, timeoutMs: number): Promise<Hello> {
    if (!this.#handlers) return Promise.reject(new ClusterError("stopped", "not running"));
    return new Promise((resolve, reject) => {
      let isOver = false;
      const fail = (error: ClusterError): void => {
        isOver = true;
        cancel();
        reject(error);
      };
      checkIsElsewhere(address, this.addresses());
      const cancel = this.#network.clock.after(timeoutMs, () => fail(dialTimeout(address)));
      const peer = this.#network.at(address);
      if (peer instanceof MemoryTransport) {
        this.#greet(peer, (answer) => {
          if (answer.type === "refused") {
            fail(dialFailure(answer.refusal.code, address, answer.refusal.message));
          } else if (isOver && !this.#links.has(peer.nodeId)) {
            this.#abandon(peer, answer.connection);
          } else {
            this.#up(peer, answer.hello, answer.connection);
            if (!this.#links.has(peer.nodeId))
              fail(unreachable(address, "the link closed at once"));
            cancel();
            resolve(answer.hello);
          }
        });
      } else {
        this.#network.clock.endOfTurn(() => fail(unreachable(address, "connection refused")));
      }
    });
  }

  async disconnect(nodeId: NodeId): Promise<void> {
    const link = this.#links.get(nodeId);
    if (!link) return;
    const peer = this.#peerOf(link);
    this.#down(nodeId, link.connection, "closed");
    this.#network.carry(this.nodeId, nodeId, () =>
      peer.#down(this.nodeId, link.connection, "closed"),
    );
  }

  links(): readonly NodeId[] {
    return [...this.#links.keys()];
  }

  send(to: NodeId, channel: Channel, frame: Uint8Array): SendResult {
    return this.#links.get(to)?.send(channel, frame) ?? "down";
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
    const peer = this.#peerOf(link);
    const remoteLink = peer.#links.get(this.nodeId);
    if (!remoteLink) throw new ClusterError("link-closed", "the link is closed");
    if (link.bulkTransfers >= this.#limits.bulkTransfersMax) {
      throw new ClusterError("queue-full", `${link.bulkTransfers} bulk transfers at once`, { to });
    }
    link.bulkTransfers++;
    const copy = new Uint8Array(header);
    try {
      const carry = (run: () => void): void => this.#network.carry(this.nodeId, to, run);
      const carryBack = (run: () => void): void => this.#network.carry(to, this.nodeId, run);
      const handle = (pulled: AsyncIterable<Uint8Array>): Promise<void> =>
        peer.#handlers?.onBulk(this.nodeId, kind, copy, pulled) ??
        Promise.reject(new ClusterError("stopped", "the receiver stopped"));
      await transferInMemory({ link, remoteLink, carry, carryBack, handle }, chunks);
    } finally {
      link.bulkTransfers--;
    }
  }

  broadcast(payload: Uint8Array): void {
    const { broadcastLossRate, random } = this.#network;
    const copy = new Uint8Array(payload);
    for (const [to, link] of this.#links) {
      if (broadcastLossRate > 0 && random() < broadcastLossRate) continue;
      const peer = this.#peerOf(link);
      this.#network.carry(this.nodeId, to, () => peer.#handlers?.onBroadcast(this.nodeId, copy));
    }
  }

  stats(): readonly LinkStats[] {
    return [...this.#links.values()].map((link) => link.stats());
  }

  crashed(): void {
    this.#handlers = null;
    for (const link of this.#links.values()) {
      link.connection.isOver = true;
      link.close();
    }
    this.#links.clear();
  }

  linkReset(peer: NodeId): void {
    const link = this.#links.get(peer);
    if (link) this.#down(peer, link.connection, "reset");
  }

  /** Carries this node's hello over and the answer back; the peer is up first, as the accepting side is on a wire. */
  #greet(peer: MemoryTransport, done: (answer: Answer) => void): void {
    const local = this.#localHello();
    this.#network.carry(this.nodeId, peer.nodeId, () => {
      const answer = peer.#greeted(this, local);
      if (answer === null) return;
      this.#network.carry(peer.nodeId, this.nodeId, () => {
        if (this.#handlers) done(answer);
      });
    });
  }

  #greeted(peer: MemoryTransport, hello: Hello): Answer | null {
    if (!this.#handlers) return null;
    const local = this.#localHello();
    const refusal = this.#refusalOf(peer, local, hello);
    if (refusal) {
      this.#options.counters.add(`transport_refused_${refusal.code.replaceAll("-", "_")}`);
      return { type: "refused", refusal };
    }
    // Of two simultaneous dials the one that arrives second finds the connection of the first.
    const shared = [this.#links.get(peer.nodeId), peer.#links.get(this.nodeId)].find(
      (link) => link && !link.connection.isOver,
    );
    const connection = shared?.connection ?? { isOver: false };
    this.#up(peer, hello, connection);
    return { type: "linked", hello: local, connection };
  }

  /** The answer came after the dial was given up: the peer, which believes in the link, is told. */
  #abandon(peer: MemoryTransport, connection: MemoryConnection): void {
    connection.isOver = true;
    this.#network.carry(this.nodeId, peer.nodeId, () => {
      peer.#down(this.nodeId, connection, "reset");
    });
  }

  #refusalOf(peer: MemoryTransport, local: Hello, remote: Hello): Refusal | null {
    if (Buffer.compare(this.#options.secret, peer.#options.secret) !== 0) {
      return { code: "wrong-secret", message: "handshake refused, cluster secrets differ" };
    }
    const ours = this.#options.protocolMajor ?? protocolMajor;
    const theirs = peer.#options.protocolMajor ?? protocolMajor;
    return versionRefusal(ours, theirs) ?? refusalOf(local, remote);
  }

  #up(peer: MemoryTransport, hello: Hello, connection: MemoryConnection): void {
    const existing = this.#links.get(hello.nodeId);
    if (existing?.connection === connection || connection.isOver) return;
    if (existing) this.#down(hello.nodeId, existing.connection, "reset");
    const link = new MemoryLink({
      ...{ network: this.#network, local: this.nodeId, hello, connection },
      ...{ limits: this.#limits, counters: this.#options.counters },
      remoteEnd: () => {
        const end = peer.#links.get(this.nodeId);
        return end?.connection === connection ? end : undefined;
      },
      onFrame: (channel, frame) => this.#handlers?.onFrame(hello.nodeId, channel, frame),
      serve: (kind, payload) =>
        this.#handlers?.onRequest(hello.nodeId, kind, payload) ??
        Promise.reject(new ClusterError("stopped", "the node stopped")),
    });
    this.#links.set(hello.nodeId, link);
    this.#peers.set(link, peer);
    this.#handlers?.onLink({ type: "up", nodeId: hello.nodeId, hello });
  }

  #down(nodeId: NodeId, connection: MemoryConnection, reason: "reset" | "closed"): void {
    const link = this.#links.get(nodeId);
    if (link?.connection !== connection) return;
    connection.isOver = true;
    link.close();
    this.#links.delete(nodeId);
    this.#handlers?.onLink({ type: "down", nodeId, reason });
  }

  #peerOf(link: MemoryLink): MemoryTransport {
    return this.#peers.get(link) as MemoryTransport;
  }

  #localHello(): Hello {
    return { ...this.#hello(), nodeId: this.nodeId, addresses: this.addresses() };
  }

  #linkTo(nodeId: NodeId): MemoryLink {
    const link = this.#links.get(nodeId);
    if (link) return link;
    throw new ClusterError("link-closed", `no link to ${nodeId}`, { nodeId });
  }
}
