import type { Cluster } from "../../cluster/cluster-api.ts";
import { ClusterError } from "../../cluster/errors.ts";
import { type ClusterOptions, defaultTimings, type Formation } from "../../cluster/options.ts";
import { Counters, type Log } from "../../cluster/ports.ts";
import { type StartingCluster, startNode } from "../../cluster/start-node.ts";
import { ObservedDisk } from "./observed-disk.ts";
import { ObservedMachine } from "./observed-machine.ts";
import { ObservedStorage } from "./observed-storage.ts";
import { ObservedTransport } from "./observed-transport.ts";
import { ProcessClock } from "./sim-clock.ts";
import { SpeakerRules } from "./speaker-rules.ts";
import type { World } from "./world.ts";

const secret = Buffer.from("a secret of the simulator");
const secondMs = 1000;

/** One process: the real composition of a node over simulated parts. It ends with `end`, whatever it still waits for. */
export class SimProcess {
  readonly id: string;
  readonly clock: ProcessClock;
  readonly machine: ObservedMachine;
  readonly counters = new Counters();
  readonly storage: ObservedStorage;
  readonly transport: ObservedTransport;
  cluster: Cluster | null = null;
  starting: StartingCluster | null = null;
  proposals = 0;

  constructor(world: World, node: SimNode) {
    const { nodeId, disk } = node;
    const { facts, network, trace } = world;
    this.id = `${node.label}.${++node.starts}`;
    this.clock = new ProcessClock(world.clock, node.wall);
    this.machine = new ObservedMachine(nodeId, facts);
    this.storage = new ObservedStorage({
      ...{ nodeId, facts, disk, rules: world.rules },
      schedule: (run) => this.clock.after(node.syncMs(), run),
      onFailure: (error) => world.fatal(node, this, error),
      loading: (index) => this.machine.loading(index),
    });
    const { counters } = this;
    const { storage } = this;
    const { log } = storage;
    const rules = new SpeakerRules(world.rules, {
      ...{ nodeId, log },
      configuration: () => storage.configuration,
      nowMs: () => world.clock.nowMs,
    });
    this.transport = new ObservedTransport({
      ...{ network, nodeId, secret, counters, facts, trace, log, rules },
      port: node.port,
    });
  }
}

/** A node through its starts and deaths: same id, same disk. */
export class SimNode {
  readonly nodeId: string;
  readonly label: string;
  readonly disk: ObservedDisk;
  readonly wall = { offsetMs: 0 };
  readonly #world: World;
  readonly #formation: Formation;
  starts = 0;
  process: SimProcess | null = null;
  isPaused = false;
  /** Was told to end, and has not yet. */
  isStopping = false;
  /** Its disk is lost, or it was removed: it never starts again. */
  isGone = false;
  isDiskSlow = false;

  constructor(world: World, label: string, formation: Formation) {
    this.#world = world;
    this.label = label;
    this.nodeId = world.random.hex(32);
    this.#formation = formation;
    this.disk = new ObservedDisk(world.facts, this.nodeId);
    world.facts.disks.set(this.nodeId, this.disk);
  }

  /** A port of its own, so that its address stays the same through restarts. */
  get port(): number {
    return 7000 + Number(this.label.slice(1)) * 10;
  }

  /** Null unless it runs and is a member. */
  get cluster(): Cluster | null {
    return this.process?.cluster ?? null;
  }

  syncMs(): number {
    const { random } = this.#world;
    return this.isDiskSlow ? random.between(50, secondMs) : random.between(0.1, 2);
  }

  async start(): Promise<void> {
    if (this.process !== null || this.isGone) return;
    const world = this.#world;
    const process = new SimProcess(world, this);
    this.process = process;
    world.note(`${this.label} starts`);
    const restore = await process.storage.open();
    const starting = await startNode({
      options: this.#options(process),
      storage: process.storage,
      restore,
      transport: process.transport,
      counters: process.counters,
      logWindow: world.logWindow,
      neighbours: () => Promise.resolve([]),
      listening: () => Promise.resolve(),
      remember: () => undefined,
    });
    process.starting = starting;
    starting.cluster.then(
      (cluster) => {
        process.cluster = cluster;
      },
      (error: Error) => world.fatal(this, process, error),
    );
  }

  /** As with kill -9; a sync under way may have happened or not. */
  crash(inFlight: "lost" | "kept"): void {
    const { process } = this;
    if (process === null) return;
    this.#world.note(`${this.label} dies, the batch in flight is ${inFlight}`);
    this.process = null;
    this.isPaused = false;
    this.isStopping = false;
    process.clock.die();
    process.storage.crash(inFlight);
    this.#world.network.crash(this.nodeId);
    this.#world.died(process);
  }

  /** As with SIGTERM. */
  async stop(): Promise<void> {
    const { process } = this;
    if (process === null) return;
    this.#world.note(`${this.label} stops`);
    this.isStopping = true;
    if (process.cluster !== null) await process.cluster.stop(5 * secondMs);
    else await process.starting?.stop();
    if (this.process === process) this.crash("kept");
  }

  pause(): void {
    if (this.process === null || this.isPaused) return;
    this.#world.note(`${this.label} hangs`);
    this.isPaused = true;
    this.process.clock.pause();
    this.#world.network.pause(this.nodeId);
  }

  resume(): void {
    if (!this.isPaused) return;
    this.#world.note(`${this.label} goes on`);
    this.isPaused = false;
    this.process?.clock.resume();
    this.#world.network.resume(this.nodeId);
  }

  #options(process: SimProcess): ClusterOptions {
    const world = this.#world;
    return {
      dataDir: "",
      siblingRoot: null,
      name: this.label,
      peerHost: "",
      peerPort: 0,
      isPeerPortFixed: false,
      isMdnsEnabled: false,
      secret,
      formation: this.#formation,
      votersMax: 5,
      stateMachine: process.machine,
      figures: () => ({ retained: 0, devices: 0, sessions: 0, connections: 0, ports: {} }),
      version: "0.0.0",
      timings: { ...defaultTimings, stabilizationMs: 500, replaceVoterAfterMs: 6 * secondMs },
      clock: process.clock,
      random: world.random.next,
      log: this.#log(),
      onFatal: (error) => world.fatal(this, process, error),
    };
  }

  #log(): Log {
    const line = (fields: object, message: string): void => {
      this.#world.say?.(`${this.label} ${message} ${JSON.stringify(fields)}`);
    };
    return { debug: line, info: line, warn: line, error: line };
  }
}

export function isRemoval(error: Error): boolean {
  return error instanceof ClusterError && error.code === "node-removed";
}
