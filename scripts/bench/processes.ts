import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { delimiter } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const startTimeoutMs = 10_000;

/** Where servers are installed; `/usr/sbin` is not in the path of every user. */
export function searchPath(): string {
  return [process.env["PATH"], "/usr/sbin", "/usr/local/sbin"].join(delimiter);
}

export function environment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: searchPath() };
}

/** What a server prints about itself; null when it is not installed. Some end with an exit code of their own then. */
export function printedBy(command: string, args: string): string | null {
  try {
    const line = `command -v ${command} >/dev/null && { ${command} ${args} 2>&1 || true; }`;
    return execFileSync("sh", ["-c", line], {
      env: environment(),
      encoding: "utf8",
      stdio: "pipe",
    });
  } catch {
    return null;
  }
}

export function startServer(command: string, args: readonly string[]): ChildProcess {
  const child = spawn(command, args, {
    env: environment(),
    stdio: ["ignore", "ignore", "inherit"],
  });
  process.once("exit", () => child.kill());
  return child;
}

/** SIGTERM, and SIGKILL for one that does not end in time. */
export async function endProcess(child: ChildProcess, timeoutMs = 5_000): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
  const exited = once(child, "exit");
  child.kill();
  await exited;
  clearTimeout(timer);
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (address === null || typeof address === "string") throw new Error("no port is free");
  return address.port;
}

export async function whenListening(port: number): Promise<void> {
  const deadlineMs = performance.now() + startTimeoutMs;
  for (;;) {
    const socket = connect({ host: "127.0.0.1", port });
    try {
      await once(socket, "connect");
      return;
    } catch (error) {
      if (performance.now() > deadlineMs) throw error;
      await pause(50);
    } finally {
      socket.destroy();
    }
  }
}
