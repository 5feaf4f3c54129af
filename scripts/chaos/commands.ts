import { execFileSync } from "node:child_process";

/** Runs a command line behind the beginning of another one, such as `ip netns exec NAME`. Throws with what it said. */
export function runIn(prefix: readonly string[], command: readonly string[]): void {
  const [first = "", ...rest] = [...prefix, ...command];
  try {
    execFileSync(first, rest, { stdio: ["ignore", "ignore", "pipe"], encoding: "utf8" });
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    throw new Error(`${command.join(" ")}: ${stderr?.trim() || message}`);
  }
}
