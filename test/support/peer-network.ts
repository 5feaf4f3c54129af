import { ClusterError } from "../../cluster/errors.ts";
import type { NodeId } from "../../cluster/node-id.ts";
import type {
  Channel,
  Hello,
  LinkStats,
  SendResult,
  Transport,
  TransportHandlers,
} from "../../cluster/transport/transport.ts";
import type { FakeClock } from "./fake-clock.ts";

/** Lets turns end and promises run until nothing is left to do; no time passes. */
export async function settle(clock: FakeClock): Promise<void> {
  for (let round = 0; round < 30; round += 1) {
    clock.endTurns();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Lets time pass in small steps, so that promises run between timers. */
export async function pass(clock: FakeClock, durationMs: number, stepMs = 50): Promise<void> {
  for (let passedMs = 0; passedMs < durationMs; passedMs += stepMs) {
    clock.advance(stepMs);
    for (let round = 0; round < 3; round += 1) {
      clock.endTurns();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

/** A small node id for tests: `idOf(3)` is 32 digits ending in 3. */
export function idOf(number: number): NodeId {
  return number.toString(16).padStart(32, "0");
}

/**
 * Nodes and the links between them in memory. Frames arrive on the turn after they were sent, in order; what is under way when a link
 * breaks is lost. `loses` may eat single frames and broadcasts, `refuses` plays a full queue, `accepts` says who answers a dial.
 */
export class PeerNetwork {
  readonly clock: FakeClock;
  readonly peers = new Map<NodeId, PeerTransport>();
  /** Pairs of linked nodes, and the number of the link, so that frames of an old one are told apart. */
  readonly #links = new Map<string, number>();
  #linkCount = 0;
  loses: (from: NodeId, to: NodeId, channel: Channel | "broadcast", frame: Uint8Array) => boolean =
    () => false;
  refuses: (from: NodeId, to: NodeId, channel: Channel) => boolean = () => false;
  accepts: (to: NodeId) => boolean = () => true;

  constructor(clock: FakeClock) {
    this.clock = clock;
  }

  add(nodeId: NodeId, incarnation = 1): PeerTransport {
    const peer = new PeerTransport(this, nodeId, incarnation);
    this.peers.set(nodeId, peer);
    return peer;
  }

  linkOf(a: NodeId, b: NodeId): number | undefined {
    return this.#links.get([a, b].sort().join());
  }

  link(a: NodeId, b: NodeId): void {
    if (this.linkOf(a, b) !== undefined) return;
    this.#linkCount += 1;
    this.#links.set([a, b].sort().join(), this.#linkCount);
    for (const [here, there] of [[a, b] as const, [b, a] as const]) {
      const hello = this.#peer(there).hello();
      this.#peer(here).handlers.onLink({ type: "up", nodeId: there, hello });
    }
  }

  unlink(a: NodeId, b: NodeId, reason: "reset" | "closed" = "reset"): void {
    if (!this.#links.delete([a, b].sort().join())) return;
    this.#peer(a).handlers.onLink({ type: "down", nodeId: b, reason });
    this.#peer(b).handlers.onLink({ type: "down", nodeId: a, reason });
  }

  /** The process is gone: its links are reset, and it can no longer be dialled. */
  kill(nodeId: NodeId): void {
    const gone = this.#peer(nodeId);
    this.peers.delete(nodeId);
    for (const [other, peer] of this.peers) {
      if (!this.#links.delete([nodeId, other].sort().join())) continue;
      peer.handlers.onLink({ type: "down", nodeId, reason: "reset" });
    }
    gone.isStopped = true;
  }

  deliver(from: NodeId, to: NodeId, channel: Channel | "broadcast", frame: Uint8Array): void {
    const link = this.linkOf(from, to);
    if (this.loses(from, to, channel, frame)) return;
    this.clock.endOfTurn(() => {
      const peer = this.peers.get(to);
      if (peer === undefined || this.linkOf(from, to) !== link) return;
      if (channel === "broadcast") peer.handlers.onBroadcast(from, frame);
      else peer.handlers.onFrame(from, channel, frame);
    });
  }

  #peer(nodeId: NodeId): PeerTransport {
    const peer = this.peers.get(nodeId);
    if (peer === undefined) throw new Error(`no node ${nodeId}`);
    return peer;
  }
}

export class PeerTransport implements Transport {
  readonly nodeId: NodeId;
  readonly port = 7001;
  readonly incarnation: number;
  readonly #network: PeerNetwork;
  handlers: TransportHandlers = {
    onFrame: () => {},
    onLink: () => {},
    onRequest: () => Promise.reject(new Error("no handler")),
    onBulk: () => Promise.resolve(),
    onBroadcast: () => {},
    onDiscovered: () => {},
  };
  readonly dialled: string[] = [];
  isStopped = false;

  constructor(network: PeerNetwork, nodeId: NodeId, incarnation: number) {
    this.#network = network;
    this.nodeId = nodeId;
    this.incarnation = incarnation;
  }

  hello(): Hello {
    const { nodeId, incarnation } = this;
    const clusterId = "test";
    return {
      nodeId,
      name: nodeId,
      clusterId,
      incarnation,
      version: "0",
      addresses: this.addresses(),
    };
  }

  start(handlers: TransportHandlers): Promise<void> {
    this.handlers = handlers;
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }

  /** The address of a node is its id. */
  addresses(): readonly string[] {
    return [this.nodeId];
  }

  dial(address: string, _timeoutMs: number): Promise<Hello> {
    this.dialled.push(address);
    const peer = this.#network.peers.get(address);
    if (peer === undefined || !this.#network.accepts(address)) {
      return Promise.reject(new ClusterError("unreachable", address));
    }
    this.#network.link(this.nodeId, address);
    return Promise.resolve(peer.hello());
  }

  disconnect(nodeId: NodeId): Promise<void> {
    this.#network.unlink(this.nodeId, nodeId, "closed");
    return Promise.resolve();
  }

  links(): readonly NodeId[] {
    const others = [...this.#network.peers.keys()];
    return others.filter((other) => this.#network.linkOf(this.nodeId, other) !== undefined);
  }

  send(to: NodeId, channel: Channel, frame: Uint8Array): SendResult {
    if (this.isStopped || this.#network.linkOf(this.nodeId, to) === undefined) return "down";
    if (this.#network.refuses(this.nodeId, to, channel)) return "full";
    this.#network.deliver(this.nodeId, to, channel, frame);
    return "queued";
  }

  async request(to: NodeId, kind: string, payload: Uint8Array): Promise<Uint8Array> {
    const link = this.#network.linkOf(this.nodeId, to);
    const peer = this.#network.peers.get(to);
    if (link === undefined || peer === undefined) throw new ClusterError("link-closed", to);
    const answer = await peer.handlers.onRequest(this.nodeId, kind, payload);
    if (this.#network.linkOf(this.nodeId, to) !== link) throw new ClusterError("link-closed", to);
    return answer;
  }

  sendBulk(): Promise<void> {
    return Promise.reject(new Error("not needed here"));
  }

  broadcast(payload: Uint8Array): void {
    for (const to of this.links()) {
      this.#network.deliver(this.nodeId, to, "broadcast", payload);
    }
  }

  stats(): readonly LinkStats[] {
    return [];
  }
}
