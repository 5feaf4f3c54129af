import type { LocalCluster } from "../support/local-cluster.ts";

export type NemesisKind =
  | "kill-leader"
  | "kill-follower"
  | "kill-minority"
  | "kill-all"
  | "pause-leader"
  | "pause-follower";

export interface Strike {
  readonly kind: NemesisKind;
  readonly victims: readonly number[];
  readonly atMs: number;
}

/** Leaders more often than others; all at once now and then. The order is fixed so that every kind comes up in ten rounds. */
const plan: readonly NemesisKind[] = [
  "kill-leader",
  "kill-follower",
  "kill-leader",
  "pause-leader",
  "kill-leader",
  "kill-minority",
  "kill-leader",
  "pause-follower",
  "kill-leader",
  "kill-all",
];

export function kindOfRound(round: number): NemesisKind {
  return plan[round % plan.length] as NemesisKind;
}

/** Does one kind of harm to a cluster of real processes. */
export class Nemesis {
  readonly #cluster: LocalCluster;
  readonly #random: () => number;

  constructor(cluster: LocalCluster, random: () => number) {
    this.#cluster = cluster;
    this.#random = random;
  }

  async strike(kind: NemesisKind): Promise<Strike> {
    const victims = await this.#choose(kind);
    const signal = kind.startsWith("pause") ? "SIGSTOP" : "SIGKILL";
    const atMs = performance.now();
    for (const victim of victims) this.#cluster.nodeAt(victim).signal(signal);
    return { kind, victims, atMs };
  }

  /** Undoes it: paused nodes go on, killed ones start again on their data. */
  async undo(strike: Strike): Promise<void> {
    if (strike.kind.startsWith("pause")) {
      for (const victim of strike.victims) this.#cluster.nodeAt(victim).signal("SIGCONT");
      return;
    }
    await Promise.all(strike.victims.map((victim) => this.#cluster.nodeAt(victim).exited));
    for (const victim of strike.victims) this.#cluster.restart(victim);
  }

  async #choose(kind: NemesisKind): Promise<number[]> {
    const all = this.#cluster.nodes.map((_, i) => i);
    if (kind === "kill-all") return all;
    const leader = await this.#leader();
    const others = this.#shuffled(all.filter((i) => i !== leader));
    if (kind === "kill-leader" || kind === "pause-leader") return [leader];
    if (kind === "kill-minority") {
      return [leader, ...others].slice(0, Math.floor((all.length - 1) / 2));
    }
    return others.slice(0, 1);
  }

  async #leader(): Promise<number> {
    for (;;) {
      const leader = (await this.#cluster.status())?.leader;
      const index = this.#cluster.nodes.findIndex((_, i) => `n${i + 1}` === leader);
      if (index >= 0) return index;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  #shuffled(numbers: readonly number[]): number[] {
    return numbers
      .map((number) => ({ number, order: this.#random() }))
      .sort((a, b) => a.order - b.order)
      .map(({ number }) => number);
  }
}
