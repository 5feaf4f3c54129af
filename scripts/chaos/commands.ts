import { execFileSync } from "node:child_process";

/**
 * Runs a command line behind the beginning of another one, such as `ip netns exec NAME`. Throws with what it said. It should be
 * quick: meanwhile no client of this process is heard.
 */
export function runIn(prefix: readonly string[], command: readonly string[], input = ""): void {
  const [first = "", ...rest] = [...prefix, ...command];
  try {
    execFileSync(first, rest, { stdio: ["pipe", "ignore", "pipe"], encoding: "utf8", input });
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    throw new Error(`${command.join(" ")}: ${stderr?.trim() || message}`);
  }
}
