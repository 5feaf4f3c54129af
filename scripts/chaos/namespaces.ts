import { execFileSync } from "node:child_process";

/** What a cut lets through, as seen from the nodes that are cut off. */
export const cutKinds = ["both", "outbound", "inbound"] as const;
export type CutKind = (typeof cutKinds)[number];

const mute = "02:00:00:00:00:01";

/**
 * Network namespaces joined by a bridge, one per node. The bridge lives in a namespace of its own, so that neither the
 * host's addresses nor its packet filter have a part in it, and whatever is left goes away with the namespaces.
 */
export class Namespaces {
  readonly count: number;
  readonly #prefix: string;
  readonly #created: string[] = [];
  #heal: (() => void) | null = null;

  private constructor(count: number, prefix: string) {
    this.count = count;
    this.#prefix = prefix;
  }

  /** Throws when this process may not make namespaces, or `ip` is missing; then nothing is left behind. */
  static create(count: number): Namespaces {
    const network = new Namespaces(count, `flockmq-${process.pid}`);
    try {
      network.#build();
    } catch (error) {
      network.remove();
      throw error;
    }
    return network;
  }

  /** Those that another process made, which will remove them too: it says how many and the beginning of their names. */
  static use(count: number, prefix: string): Namespaces {
    return new Namespaces(count, prefix);
  }

  get prefix(): string {
    return this.#prefix;
  }

  addressOf(index: number): string {
    return `10.77.0.${index + 1}`;
  }

  /** The beginning of a command line that runs in the namespace of node `index`. */
  commandOf(index: number): readonly string[] {
    return ["ip", "netns", "exec", this.#nameOf(index)];
  }

  /**
   * Parts `minority` from the others; within each side all stays as it was. `both` moves the minority to another bridge.
   * `outbound` loses what the minority sends to the others, `inbound` what they send to it: the senders believe in a
   * hardware address that nobody has, so that packets are lost without an error.
   */
  cut(minority: readonly number[], kind: CutKind): void {
    if (this.#heal !== null) throw new Error("the network is cut already");
    const majority = [...Array(this.count).keys()].filter((index) => !minority.includes(index));
    if (kind === "both") {
      this.#heal = () => this.#attach(minority, "whole");
      this.#attach(minority, "parted");
      return;
    }
    const [senders, receivers] = kind === "outbound" ? [minority, majority] : [majority, minority];
    this.lose(senders.flatMap((from) => receivers.map((to) => [from, to] as const)));
  }

  /** Loses what the first of each pair sends to the second, and nothing else. */
  lose(pairs: readonly (readonly [from: number, to: number])[]): void {
    if (this.#heal !== null) throw new Error("the network is cut already");
    this.#heal = () => {
      for (const [from, to] of pairs) {
        this.#in(from, ["neigh", "del", this.addressOf(to), "dev", "eth0"]);
      }
    };
    for (const [from, to] of pairs) {
      const neighbour = [this.addressOf(to), "lladdr", mute, "nud", "permanent", "dev", "eth0"];
      this.#in(from, ["neigh", "replace", ...neighbour]);
    }
  }

  heal(): void {
    this.#heal?.();
    this.#heal = null;
  }

  /** Safe to call twice. The namespaces must be free of processes, or they live on without a name. */
  remove(): void {
    for (const name of this.#created.splice(0)) {
      try {
        ip(["netns", "del", name]);
      } catch (error) {
        console.error(`namespace ${name} is left: ${(error as Error).message}`);
      }
    }
  }

  #build(): void {
    this.#add(this.#switch);
    for (const bridge of ["whole", "parted"]) {
      ip(["-n", this.#switch, "link", "add", bridge, "type", "bridge"]);
      ip(["-n", this.#switch, "link", "set", bridge, "up"]);
    }
    for (let index = 0; index < this.count; index++) {
      const name = this.#nameOf(index);
      const port = `port${index}`;
      this.#add(name);
      const peer = ["peer", "name", port, "netns", this.#switch];
      ip(["-n", name, "link", "add", "eth0", "type", "veth", ...peer]);
      this.#in(index, ["addr", "add", `${this.addressOf(index)}/24`, "dev", "eth0"]);
      this.#in(index, ["link", "set", "lo", "up"]);
      this.#in(index, ["link", "set", "eth0", "up"]);
      this.#attach([index], "whole");
      ip(["-n", this.#switch, "link", "set", port, "up"]);
    }
  }

  #attach(indexes: readonly number[], bridge: string): void {
    for (const index of indexes) {
      ip(["-n", this.#switch, "link", "set", `port${index}`, "master", bridge]);
    }
  }

  #add(name: string): void {
    ip(["netns", "add", name]);
    this.#created.push(name);
  }

  #in(index: number, args: readonly string[]): void {
    ip(["-n", this.#nameOf(index), ...args]);
  }

  get #switch(): string {
    return `${this.#prefix}-switch`;
  }

  #nameOf(index: number): string {
    return `${this.#prefix}-n${index + 1}`;
  }
}

function ip(args: readonly string[]): void {
  try {
    execFileSync("ip", args, { stdio: ["ignore", "ignore", "pipe"], encoding: "utf8" });
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    throw new Error(`ip ${args.join(" ")}: ${stderr?.trim() || message}`);
  }
}
