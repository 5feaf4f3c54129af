import type { ProposalOutcome } from "../../cluster/cluster-api.ts";
import type { Operation } from "./linearizability.ts";
import { encodeWrite } from "./observed-machine.ts";
import type { Seeded } from "./seeded.ts";
import type { SimNode, SimProcess } from "./sim-node.ts";
import type { World } from "./world.ts";

interface Open {
  readonly type: "write" | "read";
  readonly key: string;
  readonly value: string;
  readonly start: number;
  readonly process: SimProcess;
}

const proposeTimeoutMs = 3000;
const readTimeoutMs = 2000;

/**
 * A client of the simulated cluster: writes values that nobody else writes, and reads, through whichever node it is at. It
 * remembers what it saw and when; an operation whose node dies has an unknown outcome.
 */
export class SimClient {
  readonly #world: World;
  readonly #random: Seeded;
  readonly #name: string;
  readonly #thinkMs: number;
  #open = new Set<Open>();
  #writes = 0;
  #isStopped = false;
  readonly history = new Map<string, Operation[]>();
  acknowledged = 0;
  reads = 0;

  constructor(world: World, name: string, random: Seeded) {
    this.#world = world;
    this.#name = name;
    this.#random = random;
    this.#thinkMs = random.pick([40, 120, 300]);
    this.#later();
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** The process of a node is gone: nobody will answer. */
  died(process: SimProcess): void {
    for (const open of [...this.#open]) {
      if (open.process !== process) continue;
      this.#open.delete(open);
      if (open.type === "write") this.#remember(open, open.value, Number.POSITIVE_INFINITY);
    }
  }

  /** What is still open never ended. */
  close(): void {
    for (const { process } of [...this.#open]) this.died(process);
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
    if (node?.process == null || this.#open.size > 8) return;
    const isRead = random.chance(0.4);
    const count = isRead ? 1 : random.pick([1, 1, 1, 3]);
    for (let i = 0; i < count; i++) {
      if (isRead) this.read(node, key);
      else this.write(node, key);
    }
  }

  write(node: SimNode, key: string, done: (outcome: ProposalOutcome) => void = () => {}): void {
    const { process, cluster } = node;
    if (process === null || cluster === null) return;
    const value = `${this.#name}:${++this.#writes}`;
    const open: Open = { type: "write", key, value, start: this.#world.moment(), process };
    this.#open.add(open);
    const wallMs = process.clock.wallMs();
    const command = encodeWrite(key, value, process.id, ++process.proposals, wallMs);
    cluster.propose(command, proposeTimeoutMs, (outcome) => {
      if (!this.#open.delete(open)) return;
      this.#answered(open, outcome);
      done(outcome);
    });
  }

  read(node: SimNode, key: string, done: (isOk: boolean) => void = () => {}): void {
    const { process, cluster } = node;
    if (process === null || cluster === null) return;
    const open: Open = { type: "read", key, value: "", start: this.#world.moment(), process };
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
        this.#remember(open, process.machine.read(key), this.#world.moment());
      }
      done(verdict === "ok");
    });
  }

  #answered(open: Open, outcome: ProposalOutcome): void {
    const { facts, trace } = this.#world;
    const { value } = open;
    trace.event(`${value} ${outcome.status}`);
    if (outcome.status === "applied") {
      this.acknowledged++;
      facts.demand(
        facts.values.get(value) === outcome.index,
        "acknowledged means applied",
        `${value} was acknowledged at ${outcome.index}, applied at ${facts.values.get(value)}`,
      );
      this.#remember(open, value, this.#world.moment());
    } else if (outcome.status === "unknown") {
      this.#remember(open, value, Number.POSITIVE_INFINITY);
    } else {
      this.#world.rejected.push(value);
    }
  }

  #remember({ type, key, start }: Open, value: string | null, end: number): void {
    const known = this.history.get(key);
    const operation = { type, value, start, end };
    if (known === undefined) this.history.set(key, [operation]);
    else known.push(operation);
  }
}
