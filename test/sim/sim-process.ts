import type { Cluster } from "../../cluster/cluster-api.ts";
import type { DiskSpace } from "../../cluster/drivers/disk-watch.ts";
import type { NodeDirectory } from "../../cluster/open-directory.ts";
import { Counters } from "../../cluster/ports.ts";
import type { StartingCluster } from "../../cluster/start-node.ts";
import { ObservedMachine } from "./observed-machine.ts";
import { ObservedStorage } from "./observed-storage.ts";
import { ObservedTransport } from "./observed-transport.ts";
import { ProcessClock } from "./sim-clock.ts";
import type { DiskAccess } from "./sim-disk.ts";
import type { SimNode } from "./sim-node.ts";
import { SpeakerRules } from "./speaker-rules.ts";
import type { World } from "./world.ts";

export interface SimIdentity {
  readonly nodeId: string;
}

export const secret = Buffer.from("a secret of the simulator");

/** One process: the real composition of a node over simulated parts. It ends with its clock, whatever it still waits for. */
export class SimProcess {
  readonly id: string;
  readonly clock: ProcessClock;
  readonly machine: ObservedMachine;
  readonly counters = new Counters();
  readonly #world: World;
  readonly #node: SimNode;
  #access: DiskAccess | null = null;
  storage: ObservedStorage | null = null;
  cluster: Cluster | null = null;
  starting: StartingCluster | null = null;
  proposals = 0;
  memberSinceMs = 0;

  constructor(world: World, node: SimNode) {
    this.#world = world;
    this.#node = node;
    this.id = `${node.label}.${++node.starts}`;
    this.clock = new ProcessClock(world.clock, node.wall);
    this.machine = new ObservedMachine(node, world.facts);
  }

  /** The data directory as this process sees it. */
  directory(): NodeDirectory<SimIdentity, ObservedStorage> {
    const node = this.#node;
    return {
      name: node.label,
      knownPeers: () => Promise.resolve(node.knownPeers),
      condemnedFor: () => Promise.resolve(node.condemnedFor),
      storage: () => this.#observed(),
      identity: () => Promise.resolve({ nodeId: node.nodeId }),
      renewIdentity: () => {
        node.renewIdentity();
        return Promise.resolve({ nodeId: node.nodeId });
      },
      setAside: (reason) => {
        node.setAside(reason);
        return Promise.resolve("set aside");
      },
    };
  }

  transport(): ObservedTransport {
    const { facts, network, trace, raftWeather } = this.#world;
    const { nodeId, port } = this.#node;
    const storage = this.storage as ObservedStorage;
    const { log } = storage;
    const rules = new SpeakerRules(this.#world.rules, {
      ...{ nodeId, log },
      configuration: () => storage.configuration,
      earlierConfigurations: () => storage.earlierConfigurations,
      nowMs: () => this.#world.clock.nowMs,
    });
    return new ObservedTransport({
      ...{ network, nodeId, port, secret, facts, trace, log, raftWeather, rules },
      counters: this.counters,
    });
  }

  async diskSpace(): Promise<DiskSpace> {
    return { freeSizeBytes: this.#node.lowSinceMs === null ? 50 : 1, totalSizeBytes: 100 };
  }

  crash(inFlight: "lost" | "kept"): void {
    this.clock.die();
    this.#access?.crash(inFlight);
  }

  failDisk(error: Error): void {
    this.#access?.fail(error);
  }

  #observed(): ObservedStorage {
    const { label, disk } = this.#node;
    const { facts } = this.#world;
    this.#access = disk.access({
      schedule: (run) => this.clock.after(this.#node.syncMs(), run),
      after: (delayMs, run) => this.clock.after(delayMs, run),
      onFailure: (error) => this.#world.fatal(this.#node, this, error),
    });
    this.storage = new ObservedStorage({
      ...{ nodeId: label, rules: this.#world.rules },
      ...{ facts, storage: this.#access.storage, durable: disk.durable },
      loading: (index) => this.machine.loading(index),
      opened: (difference) => {
        const isKept = difference === null || disk.damage !== null;
        facts.demand(isKept, "durability", `${label} ${difference}`);
      },
    });
    return this.storage;
  }
}
