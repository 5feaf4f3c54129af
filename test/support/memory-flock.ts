import type { LogWindowLimits } from "../../cluster/agreed/log-window.ts";
import type { Cluster, ProposalOutcome } from "../../cluster/cluster-api.ts";
import type { DiskSpace } from "../../cluster/drivers/disk-watch.ts";
import type { KnownPeers } from "../../cluster/drivers/known-peers.ts";
import { logLimits } from "../../cluster/log-limits.ts";
import type { NodeId } from "../../cluster/node-id.ts";
import {
  type ClusterOptions,
  type ClusterTimings,
  defaultTimings,
  type Formation,
} from "../../cluster/options.ts";
import { type Cancel, type Clock, Counters, type Log } from "../../cluster/ports.ts";
import { type StartingCluster, startNode } from "../../cluster/start-node.ts";
import type { CommandContext, StateWriter } from "../../cluster/state-machine.ts";
import { MemoryDisk } from "../../cluster/storage/memory-disk.ts";
import { MemoryStorage } from "../../cluster/storage/memory-storage.ts";
import { MemoryTransport } from "../../cluster/transport/memory.ts";
import { MemoryNetwork } from "../../cluster/transport/memory-network.ts";
import { FakeClock } from "./fake-clock.ts";
import { MapMachine } from "./map-machine.ts";
import { seededRandom } from "./memory-harness.ts";

const firstPort = 7001;
const flockSecret = Buffer.from("a secret of the memory flock");

/** Short waits, so that promotions and replacements fit into a test. */
export const flockTimings: ClusterTimings = {
  ...defaultTimings,
  stabilizationMs: 500,
  replaceVoterAfterMs: 10_000,
};

export interface FlockOptions {
  readonly seed?: number;
  readonly timings?: Partial<ClusterTimings>;
  readonly logWindow?: LogWindowLimits;
  readonly votersMax?: number;
  readonly snapshotBytesPerSecondMax?: number;
  /** How long a state takes to load, as a large one does. */
  readonly loadMs?: number;
}

/** Loading a state takes time. */
class SlowStorage extends MemoryStorage {
  loading: () => Promise<void> = () => Promise.resolve();

  override async loadState(visit: (key: string, value: Uint8Array) => void): Promise<void> {
    await this.loading();
    await super.loadState(visit);
  }
}

export interface NodeSettings {
  readonly diskSpace?: () => Promise<DiskSpace>;
  readonly formation?: Formation;
  readonly name?: string | null;
  readonly zone?: string;
  readonly secret?: Uint8Array;
}

/** Moments are multiples of 1/1024 ms, so that sums and differences of times are exact. */
const gridPerMs = 1024;

/** What of a process dies with it: nothing that was scheduled runs any more. */
class ProcessClock implements Clock {
  readonly #clock: FakeClock;
  isDead = false;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  wallMs(): number {
    return this.#clock.wallMs();
  }

  after(delayMs: number, run: () => void): Cancel {
    return this.#clock.after(Math.ceil(delayMs * gridPerMs) / gridPerMs, () => {
      if (!this.isDead) run();
    });
  }

  endOfTurn(run: () => void): void {
    this.#clock.endOfTurn(() => {
      if (!this.isDead) run();
    });
  }
}

/** Remembers what was applied at which index since the process started or took over a snapshot. */
export class RecordingMachine extends MapMachine {
  readonly byIndex = new Map<number, string[]>();

  override apply(command: Uint8Array, context: CommandContext, writer: StateWriter): unknown {
    const commands = this.byIndex.get(context.index) ?? [];
    commands.push(Buffer.from(command).toString());
    this.byIndex.set(context.index, commands);
    return super.apply(command, context, writer);
  }
}

/** One process of a node: the real composition over a simulated disk, network and clock. */
class Process {
  readonly clock: ProcessClock;
  readonly storage: SlowStorage;
  readonly transport: MemoryTransport;
  readonly machine = new RecordingMachine();
  readonly counters = new Counters();
  starting: StartingCluster | null = null;
  cluster: Cluster | null = null;
  /** Why the node did not become a member. */
  failure: Error | null = null;

  constructor(flock: MemoryFlock, node: FlockNode) {
    this.clock = new ProcessClock(flock.clock);
    const { random } = flock;
    flock.machines.push(this.machine);
    this.storage = new SlowStorage(
      (run) => this.clock.after(0.1 + random() * 2, run),
      { onFailure: (error) => node.fatal.push(error) },
      node.disk,
    );
    const { loadMs = 0 } = flock.options;
    this.storage.loading = () =>
      loadMs === 0
        ? Promise.resolve()
        : new Promise((resolve) => {
            this.clock.after(loadMs, resolve);
          });
    this.transport = new MemoryTransport({
      network: flock.network,
      nodeId: node.nodeId,
      secret: node.settings.secret ?? flockSecret,
      counters: this.counters,
      port: node.port,
    });
  }
}

/** A node through its starts and crashes: same id, same disk. */
export class FlockNode {
  readonly nodeId: NodeId;
  settings: NodeSettings;
  disk = new MemoryDisk();
  readonly #flock: MemoryFlock;
  /** What the node told its process to die of. */
  readonly fatal: Error[] = [];
  readonly warnings: string[] = [];
  known: KnownPeers | null = null;
  /** Where it listens at its next start. */
  port: number;
  process: Process | null = null;

  constructor(flock: MemoryFlock, nodeId: NodeId, settings: NodeSettings) {
    this.#flock = flock;
    this.nodeId = nodeId;
    this.settings = settings;
    this.port = firstPort + flock.nodes.length;
  }

  get isRunning(): boolean {
    return this.process !== null;
  }

  get cluster(): Cluster {
    const cluster = this.process?.cluster ?? null;
    if (cluster === null) throw new Error(`${this.nodeId} is not a member`);
    return cluster;
  }

  get isMember(): boolean {
    return this.process?.cluster != null;
  }

  get failure(): Error | null {
    return this.process?.failure ?? null;
  }

  get machine(): RecordingMachine {
    if (this.process === null) throw new Error(`${this.nodeId} does not run`);
    return this.process.machine;
  }

  get counters(): Counters {
    if (this.process === null) throw new Error(`${this.nodeId} does not run`);
    return this.process.counters;
  }

  gauge(name: string): number {
    return this.cluster.metrics().get(name) ?? 0;
  }

  get isLeader(): boolean {
    return this.isMember && this.gauge("raft_is_leader") === 1;
  }

  async start(): Promise<void> {
    const process = new Process(this.#flock, this);
    this.process = process;
    const restore = await process.storage.open();
    const starting = await startNode({
      options: this.#options(process),
      storage: process.storage,
      restore,
      transport: process.transport,
      counters: process.counters,
      logWindow: this.#flock.options.logWindow ?? logLimits.logWindow,
      neighbours: () => Promise.resolve([]),
      listening: () => Promise.resolve(),
      ...(this.settings.diskSpace === undefined ? {} : { diskSpace: this.settings.diskSpace }),
      remember: (known) => {
        this.known = known;
      },
    });
    process.starting = starting;
    starting.cluster.then(
      (cluster) => {
        process.cluster = cluster;
      },
      (error: Error) => {
        process.failure = error;
      },
    );
  }

  /** As with kill -9; a sync under way may have happened or not. */
  crash(inFlight: "lost" | "kept" = "lost"): void {
    const { process } = this;
    if (process === null) return;
    this.process = null;
    process.clock.isDead = true;
    process.storage.crash(inFlight);
    this.#flock.network.crash(this.nodeId);
  }

  async stop(timeoutMs = 5000): Promise<void> {
    const { process } = this;
    if (process === null) return;
    if (process.cluster !== null) await process.cluster.stop(timeoutMs);
    else await process.starting?.stop();
    process.clock.isDead = true;
    this.process = null;
  }

  /** The disk is lost, the key is not. */
  wipe(formation: Formation): void {
    this.disk = new MemoryDisk();
    this.settings = { ...this.settings, formation };
  }

  propose(command: string, timeoutMs = 5000): Promise<ProposalOutcome> {
    return new Promise((resolve) => {
      this.cluster.propose(Buffer.from(command), timeoutMs, resolve);
    });
  }

  #options(process: Process): ClusterOptions {
    const { random, options } = this.#flock;
    return {
      dataDir: "",
      siblingRoot: null,
      name: this.settings.name ?? null,
      zone: this.settings.zone ?? null,
      peerHost: "",
      peerPort: 0,
      isPeerPortFixed: false,
      isMdnsEnabled: false,
      secret: this.settings.secret ?? flockSecret,
      formation: this.settings.formation ?? { kind: "found" },
      votersMax: options.votersMax ?? 5,
      ...(options.snapshotBytesPerSecondMax === undefined
        ? {}
        : { snapshotBytesPerSecondMax: options.snapshotBytesPerSecondMax }),
      stateMachine: process.machine,
      figures: () => ({ retained: 0, devices: 0, sessions: 0, connections: 0, ports: {} }),
      version: "0.0.0",
      timings: { ...flockTimings, ...options.timings },
      clock: process.clock,
      random,
      log: this.#log(),
      onFatal: (error) => this.fatal.push(error),
    };
  }

  #log(): Log {
    return {
      debug() {},
      info() {},
      warn: (_fields, message) => this.warnings.push(message),
      error: (_fields, message) => this.warnings.push(message),
    };
  }
}

/**
 * Whole nodes in one process on a seeded clock, network and disk. Time passes only while a test waits; promises run to
 * their end between two moments.
 */
export class MemoryFlock {
  readonly options: FlockOptions;
  readonly clock = new FakeClock();
  readonly random: () => number;
  readonly network: MemoryNetwork;
  readonly nodes: FlockNode[] = [];
  /** Of all processes that ever ran. */
  readonly machines: RecordingMachine[] = [];

  constructor(options: FlockOptions = {}) {
    this.options = options;
    this.random = seededRandom(options.seed ?? 1);
    this.network = new MemoryNetwork({
      clock: new ProcessClock(this.clock),
      random: this.random,
    });
  }

  get running(): FlockNode[] {
    return this.nodes.filter((node) => node.isRunning);
  }

  get leader(): FlockNode {
    const leader = this.findLeader();
    if (leader === null) throw new Error("nobody leads");
    return leader;
  }

  /** The one with the highest term, should an old leader not know yet. */
  findLeader(): FlockNode | null {
    const leaders = this.running.filter((node) => node.isLeader);
    return leaders.sort((a, b) => b.gauge("raft_term") - a.gauge("raft_term"))[0] ?? null;
  }

  get followers(): FlockNode[] {
    const leader = this.findLeader();
    return this.running.filter((node) => node !== leader);
  }

  async add(settings: NodeSettings = {}): Promise<FlockNode> {
    const digit = (): string => Math.floor(this.random() * 16).toString(16);
    const nodeId = Array.from({ length: 32 }, digit).join("");
    const node = new FlockNode(this, nodeId, settings);
    this.nodes.push(node);
    await node.start();
    return node;
  }

  /** A node that joins at the first node's address. */
  join(name: string | null = null): Promise<FlockNode> {
    return this.add({ name, formation: this.joining() });
  }

  joining(): Formation {
    const addresses = this.running.flatMap((node) => node.process?.transport.addresses() ?? []);
    return { kind: "join", addresses, isDiscovering: false };
  }

  /** A cluster of `count` nodes in sync, with as many voters as they allow. */
  async grow(count: number): Promise<FlockNode[]> {
    if (this.nodes.length === 0) {
      const founder = await this.add();
      await this.until(() => founder.isLeader, "the founder leads");
    }
    while (this.nodes.length < count) await this.join();
    await this.settled(count);
    // Until a joint configuration is left, the old voters can still stop the new ones.
    await this.converged();
    return this.nodes;
  }

  /** Everybody is a member and ready, and there are as many voters as wanted. */
  async settled(members: number): Promise<void> {
    const odd = members % 2 === 0 ? members - 1 : members;
    const voters = Math.min(odd, this.options.votersMax ?? 5);
    await this.until(
      () =>
        this.running.every(
          (node) =>
            node.isMember &&
            node.cluster.isReady() &&
            node.cluster.members().length === members &&
            node.gauge("raft_voters") === voters,
        ),
      `${members} members with ${voters} voters`,
    );
  }

  /** For the message of a failed test. */
  describe(): string {
    const names = ["term", "is_leader", "last_index", "commit_index", "applied_index", "voters"];
    const lines = this.nodes.map((node) => {
      if (!node.isMember) return `${node.nodeId}: ${node.isRunning ? "no member" : "down"}`;
      const gauges = names.map((name) => `${name} ${node.gauge(`raft_${name}`)}`).join(", ");
      const open = node.cluster.readiness().filter((part) => !part.isOk);
      const links = node.process?.transport.links().length;
      return `${node.nodeId}: ${gauges}, links ${links}, not ok: ${open.map((part) => part.name).join()}`;
    });
    return lines.join("\n");
  }

  async step(): Promise<void> {
    const dueMs = this.clock.nextDueMs();
    this.clock.advance(dueMs === null ? 1 : Math.min(Math.max(dueMs, 0.5), 25));
    await this.turn();
  }

  /** Promises, and what they bring about at this moment. */
  async turn(): Promise<void> {
    for (let round = 0; round < 1000; round++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.clock.nextDueMs() !== 0) return;
      this.clock.advance(0);
    }
    throw new Error("no end of the turn");
  }

  async pass(durationMs: number): Promise<void> {
    const untilMs = this.clock.monotonicMs() + durationMs;
    while (this.clock.monotonicMs() < untilMs) await this.step();
  }

  async until(condition: () => boolean, what: string, timeoutMs = 60_000): Promise<void> {
    const untilMs = this.clock.monotonicMs() + timeoutMs;
    while (!condition()) {
      if (this.clock.monotonicMs() > untilMs) {
        throw new Error(`after ${timeoutMs} ms still not: ${what}\n${this.describe()}`);
      }
      await this.step();
    }
  }

  /** Waits for a promise while time passes. */
  async settle<T>(promise: Promise<T>, timeoutMs = 60_000): Promise<T> {
    let isSettled = false;
    const settled = (): void => {
      isSettled = true;
    };
    promise.then(settled, settled);
    await this.until(() => isSettled, "the promise is settled", timeoutMs);
    return promise;
  }

  /** Each running node holds the same, up to the same index. */
  async converged(): Promise<void> {
    await this.until(() => {
      const [first, ...others] = this.running;
      if (first === undefined || !first.isMember) return false;
      const index = first.gauge("raft_applied_index");
      return (
        first.gauge("raft_last_index") === index &&
        others.every((node) => node.isMember && node.gauge("raft_applied_index") === index)
      );
    }, "all nodes have applied the same entries");
    const digests = new Set(this.running.map((node) => node.machine.digest()));
    if (digests.size !== 1) throw new Error(`replicas differ: ${[...digests].join()}`);
  }

  /** Both directions between `nodes` and everybody else. */
  cut(...nodes: readonly FlockNode[]): void {
    const inside = nodes.map((node) => node.nodeId);
    const outside = this.nodes.map((node) => node.nodeId).filter((id) => !inside.includes(id));
    this.network.split(inside, outside);
  }

  heal(): void {
    this.network.healAll();
  }
}
