import type { NodeId } from "../node-id.ts";
import type { Clock, Random } from "../ports.ts";

/** One connection, shared by its two ends; over for both as soon as either has given it up. */
export interface MemoryConnection {
  isOver: boolean;
}

/** What the network needs to know of a node on it. */
export interface MemoryNode {
  readonly nodeId: NodeId;
  /** The process died: nothing more is sent, received or answered. */
  crashed(): void;
  /** The connection to `peer` broke. */
  linkReset(peer: NodeId): void;
}

export interface MemoryNetworkOptions {
  readonly clock: Clock;
  /** Seeded: the same seed gives the same run. */
  readonly random: Random;
  /** One way, drawn anew for each batch of frames; order between two nodes is kept all the same, as TCP does. */
  readonly delayMinMs?: number;
  readonly delayMaxMs?: number;
  /** Share of broadcasts lost per receiver, in [0, 1): gossip promises nothing. */
  readonly broadcastLossRate?: number;
}

interface Parcel {
  readonly dueMs: number;
  readonly run: () => void;
}

/** What is on its way from one node to another, in order. */
interface Pipe {
  readonly from: NodeId;
  readonly to: NodeId;
  /** By a partition. */
  isCut: boolean;
  readonly parcels: Parcel[];
}

/**
 * The wires between simulated nodes. Links are reliable ordered streams, as TCP is, so its faults are those of TCP: delay,
 * reset, a partition (also one-way) or a pause that holds everything back until it ends, and the death of a process.
 */
export class MemoryNetwork {
  readonly clock: Clock;
  readonly random: Random;
  readonly broadcastLossRate: number;
  readonly #delayMinMs: number;
  readonly #delayMaxMs: number;
  readonly #nodes = new Map<string, MemoryNode>();
  /** By sender, then by receiver. */
  readonly #pipesFrom = new Map<NodeId, Map<NodeId, Pipe>>();
  readonly #pipes: Pipe[] = [];
  readonly #paused = new Set<NodeId>();

  constructor(options: MemoryNetworkOptions) {
    this.clock = options.clock;
    this.random = options.random;
    this.broadcastLossRate = options.broadcastLossRate ?? 0;
    this.#delayMinMs = options.delayMinMs ?? 0.1;
    this.#delayMaxMs = options.delayMaxMs ?? 1;
  }

  /** Blocks what `from` sends to `to`; the other direction still flows. */
  partition(from: NodeId, to: NodeId): void {
    this.#pipe(from, to).isCut = true;
  }

  /** Blocks both directions between each node of one side and each of the other. */
  split(side: readonly NodeId[], otherSide: readonly NodeId[]): void {
    for (const one of side) {
      for (const other of otherSide) {
        this.partition(one, other);
        this.partition(other, one);
      }
    }
  }

  heal(from: NodeId, to: NodeId): void {
    const pipe = this.#pipe(from, to);
    pipe.isCut = false;
    this.#drain(pipe);
  }

  healAll(): void {
    for (const pipe of this.#pipes) pipe.isCut = false;
    this.#drainAll();
  }

  /** Nothing reaches the node and nothing leaves it until `resume`, as with SIGSTOP; its connections stay. */
  pause(nodeId: NodeId): void {
    this.#paused.add(nodeId);
  }

  resume(nodeId: NodeId): void {
    this.#paused.delete(nodeId);
    this.#drainAll();
  }

  /** Breaks the connection between two nodes: what was on its way is lost, both ends see `reset`. */
  reset(one: NodeId, other: NodeId): void {
    for (const [at, peer] of [
      [one, other],
      [other, one],
    ] as const) {
      this.#pipe(peer, at).parcels.length = 0;
      this.clock.endOfTurn(() => this.#nodeOf(at)?.linkReset(peer));
    }
  }

  /** Kills the process of a node. Its peers see `reset` as soon as the network lets them. */
  crash(nodeId: NodeId): void {
    // Also of one that has closed its transport: the next process of this node is another one.
    this.#paused.delete(nodeId);
    const node = this.#nodeOf(nodeId);
    if (!node) return;
    this.remove(node);
    for (const pipe of this.#pipes) if (pipe.to === nodeId) pipe.parcels.length = 0;
    node.crashed();
    for (const peer of this.#nodes.values()) {
      this.carry(nodeId, peer.nodeId, () => peer.linkReset(nodeId));
    }
  }

  /** Addresses are made up: `memory:1` and so on, one for each start. */
  add(address: string, node: MemoryNode): void {
    this.#nodes.set(address, node);
  }

  remove(node: MemoryNode): void {
    for (const [address, known] of this.#nodes) if (known === node) this.#nodes.delete(address);
  }

  at(address: string): MemoryNode | undefined {
    return this.#nodes.get(address);
  }

  /** The lowest free port, from `port` on. */
  freePort(port: number): number {
    while (this.#nodes.has(`memory:${port}`)) port++;
    return port;
  }

  /** Runs `run` at the far end after the delay of the wire, in the order of the calls for each pair of nodes. */
  carry(from: NodeId, to: NodeId, run: () => void): void {
    const delayMs = this.#delayMinMs + this.random() * (this.#delayMaxMs - this.#delayMinMs);
    const pipe = this.#pipe(from, to);
    pipe.parcels.push({ dueMs: this.clock.monotonicMs() + delayMs, run });
    this.clock.after(delayMs, () => this.#drain(pipe));
  }

  isBlocked(from: NodeId, to: NodeId): boolean {
    return this.#isBlocked(this.#pipe(from, to));
  }

  #drain(pipe: Pipe): void {
    const { parcels } = pipe;
    for (let first = parcels[0]; first; first = parcels[0]) {
      if (first.dueMs > this.clock.monotonicMs() || this.#isBlocked(pipe)) return;
      parcels.shift();
      first.run();
    }
  }

  #drainAll(): void {
    for (const pipe of [...this.#pipes]) this.#drain(pipe);
  }

  #isBlocked({ from, to, isCut }: Pipe): boolean {
    return isCut || this.#paused.has(from) || this.#paused.has(to);
  }

  #pipe(from: NodeId, to: NodeId): Pipe {
    let pipes = this.#pipesFrom.get(from);
    if (pipes === undefined) {
      pipes = new Map();
      this.#pipesFrom.set(from, pipes);
    }
    let pipe = pipes.get(to);
    if (pipe === undefined) {
      pipe = { from, to, isCut: false, parcels: [] };
      pipes.set(to, pipe);
      this.#pipes.push(pipe);
    }
    return pipe;
  }

  #nodeOf(nodeId: NodeId): MemoryNode | undefined {
    for (const node of this.#nodes.values()) if (node.nodeId === nodeId) return node;
    return undefined;
  }
}
