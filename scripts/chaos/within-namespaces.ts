import { spawn } from "node:child_process";
import { Namespaces } from "./namespaces.ts";

/**
 * Makes namespaces, one more than nodes, and runs this same command line again in the last of them, from where all nodes can
 * be reached whatever is cut between them; null when namespaces are not permitted.
 */
export async function runInNamespaces(nodes: number): Promise<number | null> {
  let network: Namespaces;
  try {
    network = Namespaces.create(nodes + 1);
  } catch (error) {
    console.error(`no namespaces: ${(error as Error).message}`);
    return null;
  }
  const [command = "", ...prefix] = network.commandOf(nodes);
  const line = [...prefix, process.execPath, ...process.argv.slice(1), "--within", network.prefix];
  const child = spawn(command, line, { stdio: "inherit" });
  const passOn = (signal: NodeJS.Signals): void => void child.kill(signal);
  process.on("SIGINT", passOn).on("SIGTERM", passOn);
  try {
    return await new Promise((resolve) => {
      child.on("exit", (code) => resolve(code ?? 1));
    });
  } finally {
    network.remove();
  }
}
