import type { Cluster } from "../../cluster/cluster-api.ts";
import type { KnownPeers } from "../../cluster/drivers/known-peers.ts";
import { ClusterError } from "../../cluster/errors.ts";
import { openDirectory } from "../../cluster/open-directory.ts";
import { type ClusterOptions, defaultTimings, type Formation } from "../../cluster/options.ts";
import type { Log } from "../../cluster/ports.ts";
import { startNode } from "../../cluster/start-node.ts";
import { Seeded } from "./seeded.ts";
import { SimDisk } from "./sim-disk.ts";
import { SimProcess, secret } from "./sim-process.ts";
import type { World } from "./world.ts";

const secondMs = 1000;
/** Longer than a node takes to look at its disk once more. */
const diskLooksMs = 5.5 * secondMs;

/** A node through its starts and deaths: same directory, and the same id unless its disk was damaged. */
export class SimNode {
  readonly label: string;
  nodeId: string;
  disk: SimDisk;
  /** What stands in files beside the database. */
  knownPeers: KnownPeers | null = null;
  condemnedFor: string | null = null;
  readonly wall = { offsetMs: 0 };
  readonly #world: World;
  readonly #formation: Formation;
  #resumedMs = 0;
  starts = 0;
  process: SimProcess | null = null;
  isPaused = false;
  /** Was told to end, and has not yet. */
  isStopping = false;
  /** Its disk is lost, or it was removed: it never starts again. */
  isGone = false;
  isDiskSlow = false;
  /** Since when its disk is nearly full; null: it has room. */
  lowSinceMs: number | null = null;

  constructor(world: World, label: string, formation: Formation) {
    this.#world = world;
    this.label = label;
    this.#formation = formation;
    this.nodeId = world.random.hex(32);
    this.disk = this.#newDisk();
    world.facts.disks.set(this.nodeId, this.disk.durable);
  }

  /** A port of its own, so that its address stays the same through restarts. */
  get port(): number {
    return 7000 + Number(this.label.slice(1)) * 10;
  }

  /** Its disk has all that it confirmed, and will be back. */
  get isWhole(): boolean {
    return !this.isGone && this.disk.damage === null;
  }

  /** Null unless it runs and is a member. */
  get cluster(): Cluster | null {
    return this.process?.cluster ?? null;
  }

  /** Whether this process must have seen that its disk is nearly full: it looks every five seconds. */
  isKnownLow(process: SimProcess): boolean {
    const { nowMs } = this.#world.clock;
    if (this.lowSinceMs === null || this.isPaused) return false;
    const sinceMs = Math.max(this.lowSinceMs, process.memberSinceMs, this.#resumedMs);
    return nowMs - sinceMs > diskLooksMs;
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
    const oldId = this.nodeId;
    const options = this.#options(process);
    const { storage, restore, formation } = await openDirectory(options, process.directory());
    if (this.process !== process) return;
    if (oldId !== this.nodeId) world.note(`${this.label} has a new id`);
    // Damage in the replicated state shows when that is loaded.
    if (this.disk.damage?.isAlwaysNoticed === false) return world.damageUnnoticed(this);
    const starting = await startNode({
      options: { ...options, formation },
      ...{
        storage,
        restore,
        counters: process.counters,
        logWindow: world.logWindow,
        flow: world.flow,
      },
      transport: process.transport(),
      neighbours: () => Promise.resolve([]),
      listening: () => Promise.resolve(),
      remember: (known) => {
        this.knownPeers = known;
      },
      condemn: async (reason) => {
        this.condemnedFor = reason;
      },
      diskSpace: () => process.diskSpace(),
    });
    process.starting = starting;
    starting.cluster.then(
      (cluster) => {
        process.cluster = cluster;
        process.memberSinceMs = world.clock.nowMs;
        const damage = this.disk.damage?.what ?? null;
        world.facts.demand(damage === null, "damage is noticed", `${this.label}: ${damage}`);
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
    process.crash(inFlight);
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
    this.#resumedMs = this.#world.clock.nowMs;
    this.process?.clock.resume();
    this.#world.network.resume(this.nodeId);
  }

  /** The first half of what happens to a damaged node... */
  renewIdentity(): void {
    const { facts, random } = this.#world;
    const { durable } = this.disk;
    const isOfOldId = facts.disks.get(this.nodeId) === durable;
    if (isOfOldId) facts.disks.set(this.nodeId, durable.handOver());
    this.nodeId = random.hex(32);
    this.disk.damage = null;
    facts.disks.set(this.nodeId, this.disk.durable);
  }

  /** ...and the second: what it held is not used any more. */
  setAside(reason: string): void {
    this.#world.note(`${this.label} sets its database aside: ${reason}`);
    this.#world.damagesNoticed++;
    this.condemnedFor = null;
    this.disk = this.#newDisk();
    this.#world.facts.disks.set(this.nodeId, this.disk.durable);
  }

  /** Everything is gone but for its key. */
  wipe(): void {
    this.disk = this.#newDisk();
    this.disk.damage = { what: "its data is gone", isAlwaysNoticed: true };
  }

  #newDisk(): SimDisk {
    const { facts, random, isLevel } = this.#world;
    const seed = Math.floor(random.next() * 2 ** 31);
    const disk = new SimDisk(facts, this.nodeId, isLevel ? new Seeded(seed, "disk") : null);
    return disk;
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
