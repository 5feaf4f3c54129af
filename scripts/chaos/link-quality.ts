import { runIn } from "./commands.ts";
import { type DelayedNode, DelayRelays } from "./delay-relays.ts";

/** Links that work badly. */
export interface LinkQuality {
  readonly name: string;
  /** Why this machine cannot do it; null when it can. */
  problem(nodes: readonly DelayedNode[]): string | null;
  /** Resolves with how it is done and how to undo it. Rejects with all undone. */
  spoil(nodes: readonly DelayedNode[]): Promise<Spoilt>;
}

export interface Spoilt {
  readonly means: string;
  readonly restore: () => void;
}

const [delayMsMin, delayMsMax] = [10, 30];
const queue = (action: string): readonly string[] => ["tc", "qdisc", action, "dev", "eth0", "root"];
const netem = ["netem", "delay", "20ms", "10ms", "loss", "3%"];

const drop = (action: string, probability: string): readonly string[] => {
  const dropsAtRandom = ["-m", "statistic", "--mode", "random", "--probability", probability];
  return ["iptables", action, "OUTPUT", "-o", "eth0", ...dropsAtRandom, "-j", "DROP"];
};

/** The first with netem where the kernel has it, else with relays. */
export const linkQualities: readonly LinkQuality[] = [
  {
    name: `delay of ${delayMsMin} to ${delayMsMax} ms and loss of 3 %`,
    problem: (nodes) =>
      problemOf(nodes, [...queue("add"), ...netem], queue("del")) === null
        ? null
        : problemOf(nodes, drop("-A", "0.03"), drop("-D", "0.03")),
    spoil: async (nodes) => {
      if (problemOf(nodes, [...queue("add"), ...netem], queue("del")) !== null) {
        return delayByRelays(nodes);
      }
      const restore = everywhere(nodes, [...queue("add"), ...netem], queue("del"));
      return { means: "tc netem", restore };
    },
  },
  {
    name: "loss of 5 %",
    problem: (nodes) => problemOf(nodes, drop("-A", "0.05"), drop("-D", "0.05")),
    spoil: async (nodes) => {
      const restore = everywhere(nodes, drop("-A", "0.05"), drop("-D", "0.05"));
      return { means: "iptables", restore };
    },
  },
];

async function delayByRelays(nodes: readonly DelayedNode[]): Promise<Spoilt> {
  const relays = new DelayRelays(nodes);
  let losing: () => void = () => undefined;
  const restore = (): void => {
    losing();
    relays.stop();
  };
  try {
    await relays.start(delayMsMin, delayMsMax);
    losing = everywhere(nodes, drop("-A", "0.03"), drop("-D", "0.03"));
    return { means: "relays in user space (no netem in this kernel) and iptables", restore };
  } catch (error) {
    restore();
    throw error;
  }
}

/** Answers how to undo it. */
function everywhere(
  nodes: readonly DelayedNode[],
  spoil: readonly string[],
  restore: readonly string[],
): () => void {
  const spoilt: DelayedNode[] = [];
  const undo = (): void => {
    for (const { prefix } of spoilt.splice(0)) runIn(prefix, restore);
  };
  try {
    for (const node of nodes) {
      runIn(node.prefix, spoil);
      spoilt.push(node);
    }
    return undo;
  } catch (error) {
    undo();
    throw error;
  }
}

function problemOf(
  nodes: readonly DelayedNode[],
  spoil: readonly string[],
  restore: readonly string[],
): string | null {
  try {
    everywhere(nodes.slice(0, 1), spoil, restore)();
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}
