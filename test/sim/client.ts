import type { ProposalOutcome } from "../../cluster/cluster-api.ts";
import type { Operation } from "../../scripts/chaos/linearizability.ts";
import type { RetainedResult } from "../../src/replica/replica-api.ts";
import { DeviceClient } from "./device-client.ts";
import { encodeWrite } from "./observed-machine.ts";
import type { Seeded } from "./seeded.ts";
import type { SimNode } from "./sim-node.ts";
import type { SimProcess } from "./sim-process.ts";
import type { World } from "./world.ts";

interface Open {
  readonly kind: "write" | "cas" | "read";
  readonly key: string;
  readonly value: string | null;
  /** What a compare-and-set is to find. */
  readonly expected?: string | null;
  readonly startMs: number;
  readonly process: SimProcess;
  /** The disk of the node had been nearly full for long enough to know it. */
  readonly isDiskLow?: boolean;
}

interface Seen {
  readonly value: string | null;
  readonly version: number;
}

/** Of what a client does, how much is about devices. */
const deviceShare = 0.3;
const proposeTimeoutMs = 3000;
const readTimeoutMs = 2000;

/**
 * A client of the simulated cluster: writes values that nobody else writes, some only where it finds what it saw last, and reads,
 * through whichever node it is at. It remembers what it saw and when; an operation whose node dies has an unknown outcome.
 */
export class SimClient {
  readonly #world: World;
  readonly #random: Seeded;
  readonly #name: string;
  readonly #thinkMs: number;
  #open = new Set<Open>();
  #writes = 0;
  #isStopped = false;
  /** Of each key, what this client saw last: what its compare-and-sets expect. */
  readonly #seen = new Map<string, Seen>();
  /** Times are moments: their order is what matters. */
  readonly history = new Map<string, Operation[]>();
  /** What it does to devices. */
  readonly devices: DeviceClient;
  #acknowledged = 0;
  reads = 0;

  constructor(world: World, name: string, random: Seeded) {
    this.#world = world;
    this.#name = name;
    this.#random = random;
    this.devices = new DeviceClient(world, name, random, (register) => this.#seen.get(register));
    this.#thinkMs = random.pick([40, 120, 300]);
    this.#later();
  }

  get acknowledged(): number {
    return this.#acknowledged + this.devices.acknowledged;
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** The process of a node is gone: nobody will answer. */
  died(process: SimProcess): void {
    this.devices.died(process);
    for (const open of [...this.#open]) {
      if (open.process !== process) continue;
      this.#open.delete(open);
      if (open.kind !== "read") this.#remember(open, Number.POSITIVE_INFINITY);
    }
  }

  /** What is still open never ended. */
  close(): void {
    for (const { process } of [...this.#open]) this.died(process);
    this.devices.close();
  }

  #later(): void {
    const delayMs = -Math.log(1 - this.#random.next()) * this.#thinkMs;
    this.#world.clock.after(delayMs, () => {
      if (this.#isStopped) return;
      this.#act();
      this.#later();
    });
  }

  #act(): void {
    const random = this.#random;
    const node = random.pick(this.#world.nodes.filter(({ cluster }) => cluster !== null));
    const key = `k/${Math.floor(random.next() * random.next() * 6)}`;
    // A client that waits for several answers waits for all of them first.
    if (node?.process == null || this.#open.size + this.devices.openCount > 8) return;
    const isRead = random.chance(0.4);
    if (random.chance(deviceShare)) {
      if (isRead) this.read(node, this.devices.register());
      else this.devices.act(node);
      return;
    }
    if (isRead) return this.read(node, key);
    const count = random.pick([1, 1, 1, 3]);
    const isComparing = random.chance(0.3);
    for (let i = 0; i < count; i++) this.write(node, key, () => {}, isComparing);
  }

  write(
    node: SimNode,
    key: string,
    done: (outcome: ProposalOutcome) => void = () => {},
    isComparing = false,
  ): void {
    const { process, cluster } = node;
    if (process === null || cluster === null) return;
    const value = `${this.#name}:${++this.#writes}`;
    const seen = isComparing ? (this.#seen.get(key) ?? { value: null, version: 0 }) : null;
    const open: Open = {
      ...{ key, value, process, startMs: this.#world.moment() },
      ...(seen === null ? { kind: "write" } : { kind: "cas", expected: seen.value }),
      isDiskLow: node.isKnownLow(process),
    };
    this.#open.add(open);
    const command = encodeWrite({
      topic: key,
      text: value,
      process: process.id,
      sequence: ++process.proposals,
      wallMs: process.clock.wallMs(),
      expectedVersion: seen?.version ?? null,
    });
    cluster.propose(command, proposeTimeoutMs, (outcome) => {
      if (!this.#open.delete(open)) return;
      this.#answered(open, outcome);
      done(outcome);
    });
  }

  read(node: SimNode, key: string, done: (isOk: boolean) => void = () => {}): void {
    const { process, cluster } = node;
    if (process === null || cluster === null) return;
    const open: Open = { kind: "read", key, value: null, startMs: this.#world.moment(), process };
    this.#open.add(open);
    const { facts } = this.#world;
    const committedIndex = facts.committedIndex;
    void cluster.readBarrier(readTimeoutMs).then((verdict) => {
      if (!this.#open.delete(open)) return;
      if (verdict === "ok") {
        this.reads++;
        const appliedIndex = process.storage?.appliedIndex ?? 0;
        facts.demand(
          appliedIndex >= committedIndex,
          "reads see what was committed before",
          `${process.id} read at ${appliedIndex}, ${committedIndex} was applied somewhere`,
        );
        this.#found(open, process.machine.read(key));
      }
      done(verdict === "ok");
    });
  }

  #answered(open: Open, outcome: ProposalOutcome): void {
    const { facts, trace } = this.#world;
    const { value, isDiskLow } = open;
    trace.event(`${value} ${outcome.status}`);
    if (outcome.status === "applied") {
      facts.demand(isDiskLow !== true, "no writes on a disk nearly full", `${value} was taken`);
      const result = outcome.result as RetainedResult | null;
      facts.demand(result !== null, "acknowledged means applied", `${value} has no result`);
      if (result !== null) this.#applied(open, outcome.index, result);
    } else if (outcome.status === "unknown") {
      this.#remember(open, Number.POSITIVE_INFINITY);
    } else {
      this.#world.rejected.push(value ?? "");
    }
  }

  #applied(open: Open, index: number, { version, currentVersion }: RetainedResult): void {
    const { facts } = this.#world;
    const { key, value } = open;
    if (currentVersion !== undefined) {
      this.#found(open, { value: facts.valueAt(key, currentVersion), version: currentVersion });
      facts.demand(!facts.values.has(value ?? ""), "refused means never", `${value} was applied`);
      return;
    }
    this.#acknowledged++;
    const applied = facts.values.get(value ?? "");
    facts.demand(
      applied === index && facts.valueAt(key, version) === value,
      "acknowledged means applied",
      `${value} was acknowledged at ${index}, applied at ${applied}`,
    );
    this.#seen.set(key, { value, version });
    this.#remember(open, this.#world.moment());
  }

  /** What a read saw, or a compare-and-set that found something else. */
  #found(open: Open, seen: Seen): void {
    this.#seen.set(open.key, seen);
    this.#remember({ ...open, kind: "read", value: seen.value }, this.#world.moment());
  }

  #remember({ key, kind, value, expected, startMs }: Open, endMs: number): void {
    const known = this.history.get(key);
    const operation = {
      ...{ kind, value, startMs, endMs, by: this.#name },
      ...(expected === undefined ? {} : { expected }),
    };
    if (known === undefined) this.history.set(key, [operation]);
    else known.push(operation);
  }
}
