import { execFileSync } from "node:child_process";

/** Links that work badly. `commands` are beginnings of command lines, one for the namespace of each node. */
export interface LinkQuality {
  readonly name: string;
  /** Why this machine cannot do it; null when it can. */
  problem(commands: readonly (readonly string[])[]): string | null;
  spoil(commands: readonly (readonly string[])[]): void;
  restore(commands: readonly (readonly string[])[]): void;
}

const queue = (action: string): readonly string[] => ["tc", "qdisc", action, "dev", "eth0", "root"];
const netem = ["netem", "delay", "20ms", "10ms", "loss", "3%"];

const rule = (action: string): readonly string[] => {
  const dropsAtRandom = ["-m", "statistic", "--mode", "random", "--probability", "0.05"];
  return ["iptables", action, "OUTPUT", "-o", "eth0", ...dropsAtRandom, "-j", "DROP"];
};

/** The first needs a kernel with netem. */
export const linkQualities: readonly LinkQuality[] = [
  quality("delay of 10 to 30 ms and loss of 3 %", [...queue("add"), ...netem], queue("del")),
  quality("loss of 5 %", rule("-A"), rule("-D")),
];

function quality(name: string, spoil: readonly string[], restore: readonly string[]): LinkQuality {
  return {
    name,
    problem: (commands) => {
      try {
        for (const prefix of commands.slice(0, 1)) run(prefix, spoil);
        for (const prefix of commands.slice(0, 1)) run(prefix, restore);
        return null;
      } catch (error) {
        return (error as Error).message;
      }
    },
    spoil: (commands) => {
      for (const prefix of commands) run(prefix, spoil);
    },
    restore: (commands) => {
      for (const prefix of commands) run(prefix, restore);
    },
  };
}

function run(prefix: readonly string[], command: readonly string[]): void {
  const [first = "", ...rest] = [...prefix, ...command];
  try {
    execFileSync(first, rest, { stdio: ["ignore", "ignore", "pipe"], encoding: "utf8" });
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    throw new Error(`${command.join(" ")}: ${stderr?.trim() || message}`);
  }
}
