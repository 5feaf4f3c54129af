import { ClusterError } from "../../cluster/errors.ts";
import { type FlowLimits, logLimits } from "../../cluster/log-limits.ts";
import type { NodeId } from "../../cluster/node-id.ts";
import { MemoryNetwork } from "../../cluster/transport/memory-network.ts";
import type { SimClient } from "./client.ts";
import { Facts } from "./facts.ts";
import { RaftWeather } from "./raft-weather.ts";
import { Rules } from "./rules.ts";
import { Seeded } from "./seeded.ts";
import { ProcessClock, SimClock } from "./sim-clock.ts";
import { isRemoval, SimNode } from "./sim-node.ts";
import type { SimProcess } from "./sim-process.ts";
import { Trace } from "./trace.ts";

/** The disk is full: the sync under way failed, which ends the process. */
export const diskFull = new Error("no space left on the simulated disk");

/** After which whoever watches the processes starts one again. */
const supervisorMs = 200;

const logWindows = [
  // To the tip: nothing is kept for slow followers, who then need snapshots.
  { ...logLimits.logWindow, entriesMax: 64, keptEntries: 0 },
  { ...logLimits.logWindow, entriesMax: 300, keptEntries: 100 },
  logLimits.logWindow,
];

const smallFlow = {
  appendSizeBytesMax: 400,
  inflightAppendsMax: 3,
  inflightAppendSizeBytesMax: 1200,
  uncommittedSizeBytesMax: 4000,
  committedSizeBytesPerTurnMax: 500,
};

const flows = [
  // A few entries fill a message, and a few messages a window.
  smallFlow,
  logLimits,
  logLimits,
] as const;

/** Nodes, network, disks and clients of one seed. */
export class World {
  readonly clock = new SimClock();
  readonly facts = new Facts();
  readonly rules = new Rules(this.facts);
  readonly trace = new Trace(this.clock);
  readonly random: Seeded;
  readonly network: MemoryNetwork;
  readonly raftWeather: RaftWeather;
  readonly logWindow: (typeof logWindows)[number];
  readonly flow: FlowLimits;
  readonly nodes: SimNode[] = [];
  readonly clients: SimClient[] = [];
  /** Values that were refused: they must never take effect. */
  readonly rejected: string[] = [];
  /** Prints what happens; null unless a person watches. */
  readonly say: ((text: string) => void) | null;
  /** Whether the nodes keep their data with the code that keeps LevelDB; else with the memory storage, which costs less time. */
  readonly isLevel: boolean;
  /** Faults strike no more. */
  isHealed = false;
  /** When an operator last asked for a removal. */
  lastRemovalMs = Number.NEGATIVE_INFINITY;
  damagesNoticed = 0;
  damagesUnnoticed = 0;
  #moment = 0;
  #labels = 0;

  constructor(seed: number, say: ((text: string) => void) | null, isLevel: boolean) {
    this.random = new Seeded(seed, "world");
    this.say = say && ((text) => say(`${this.clock.nowMs.toFixed(1).padStart(9)} ${text}`));
    this.isLevel = isLevel || this.random.chance(0.2);
    this.logWindow = this.random.pick(logWindows);
    this.flow = this.random.pick(flows);
    this.network = new MemoryNetwork({
      clock: new ProcessClock(this.clock, { offsetMs: 0 }),
      random: this.random.next,
      delayMaxMs: this.random.pick([1, 4, 20, 60]),
      broadcastLossRate: this.random.pick([0, 0.2]),
    });
    this.raftWeather = new RaftWeather(this.clock, new Seeded(seed, "raft weather"));
  }

  /** A strict order of everything that clients do and see. */
  moment(): number {
    return ++this.#moment;
  }

  note(text: string): void {
    this.trace.event(text);
    this.say?.(`-- ${text}`);
  }

  get running(): SimNode[] {
    return this.nodes.filter(({ process }) => process !== null);
  }

  /** Running nodes that are members and do not hang. */
  get serving(): SimNode[] {
    return this.nodes.filter(({ cluster, isPaused }) => cluster !== null && !isPaused);
  }

  get leader(): SimNode | null {
    const { leader } = this.facts;
    return this.serving.find(({ nodeId }) => nodeId === leader) ?? this.serving[0] ?? null;
  }

  node(nodeId: NodeId): SimNode | undefined {
    return this.nodes.find((node) => node.nodeId === nodeId);
  }

  /** Grows with the nodes, as the entries of a name do: whoever was away while all others were replaced finds the new ones there. */
  readonly #addresses: string[] = [];

  /** A new node: the first founds, the others join where they find somebody. */
  add(): SimNode {
    const addresses = this.#addresses;
    const isFirst = this.nodes.length === 0;
    const formation = isFirst
      ? ({ kind: "found" } as const)
      : ({ kind: "join", addresses, isDiscovering: false } as const);
    const node = new SimNode(this, `n${++this.#labels}`, formation);
    this.nodes.push(node);
    addresses.push(`memory:${node.port}`);
    this.startSoon(node);
    return node;
  }

  startSoon(node: SimNode): void {
    node.start().catch((error: unknown) => this.fatal(node, node.process, error as Error));
  }

  /**
   * A disk forgot what it had confirmed, within the second that the floor may be behind: no node can see that by itself, and the
   * others may have counted on it. It is as good as lost, and a new node comes in its place.
   */
  damageUnnoticed(node: SimNode): void {
    const what = node.disk.damage?.what;
    this.facts.demand(
      node.disk.level?.isBelowFloor !== true,
      "damage below the floor is noticed",
      `${node.label}: ${what}`,
    );
    this.note(`${node.label}: ${what}, unnoticed`);
    this.damagesUnnoticed++;
    node.isGone = true;
    node.crash("lost");
    this.add();
  }

  died(process: SimProcess): void {
    for (const client of this.clients) client.died(process);
  }

  /** A node told its process to end. */
  fatal(node: SimNode, process: SimProcess | null, error: Error): void {
    if (process === null || node.process !== process) return;
    if (error instanceof ClusterError && error.code === "stopped") return;
    const isFull = error === diskFull || error.cause === diskFull;
    const isCondemned = node.disk.damage !== null && node.condemnedFor !== null;
    if (isRemoval(error)) node.isGone = true;
    else {
      const isKnown = isFull || isCondemned;
      this.facts.demand(isKnown, "no node ends by itself", `${node.label}: ${error}`);
    }
    node.crash("lost");
    if (isCondemned) this.clock.after(supervisorMs, () => this.startSoon(node));
  }
}
