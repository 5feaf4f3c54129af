import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { LocalCluster } from "../support/local-cluster.ts";

/** A running broker to measure. */
export interface Broker {
  readonly name: string;
  readonly version: string;
  readonly pids: readonly number[];
  readonly publishPort: number;
  readonly subscribePort: number;
  stop(): Promise<void>;
}

const voteTimeoutMs = 30_000;
const startTimeoutMs = 10_000;

/** Real nodes; publishers connect to the first, subscribers to the second where there is one. */
export async function startFlockMq(nodes: number, version: string): Promise<Broker> {
  const cluster = await LocalCluster.start({ nodes, args: ["--log-level", "warn"] });
  try {
    await whenAllVote(cluster, nodes);
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  const ports = cluster.nodes.map(({ ready }) => ready!.mqtt);
  return {
    name: nodes === 1 ? "flockmq" : `flockmq x ${nodes}`,
    version,
    pids: cluster.nodes.map(({ pid }) => pid),
    publishPort: ports[0]!,
    subscribePort: ports[1] ?? ports[0]!,
    stop: () => cluster.stop(),
  };
}

async function whenAllVote(cluster: LocalCluster, nodes: number): Promise<void> {
  const deadlineMs = performance.now() + voteTimeoutMs;
  for (;;) {
    const status = await cluster.whenInSync(voteTimeoutMs);
    if (status.nodes.every(({ voter }) => voter)) return;
    if (performance.now() > deadlineMs) throw new Error(`there are not ${nodes} voters yet`);
    await pause(100);
  }
}

/** Debian's mosquitto, in memory, without limits that would drop messages of the load; null when it is not installed. */
export async function startMosquitto(): Promise<Broker | null> {
  const env = { ...process.env, PATH: searchPath() };
  const version = mosquittoVersion(env);
  if (version === null) return null;
  const directory = await mkdtemp(join(tmpdir(), "flockmq-bench-"));
  const port = await freePort();
  const configuration = [
    `listener ${port} 127.0.0.1`,
    "allow_anonymous true",
    "persistence false",
    "set_tcp_nodelay true",
    "max_queued_messages 0",
    "log_type error",
  ];
  const file = join(directory, "mosquitto.conf");
  await writeFile(file, `${configuration.join("\n")}\n`);
  const child = spawn("mosquitto", ["-c", file], { env, stdio: ["ignore", "ignore", "inherit"] });
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.kill()) await once(child, "exit");
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await whenListening(port);
  } catch (error) {
    await stop();
    throw error;
  }
  const pids = [child.pid ?? 0];
  return { name: "mosquitto", version, pids, publishPort: port, subscribePort: port, stop };
}

/** Where servers are installed; `/usr/sbin` is not in the path of every user. */
export function searchPath(): string {
  return [process.env["PATH"], "/usr/sbin", "/usr/local/sbin"].join(delimiter);
}

function mosquittoVersion(env: NodeJS.ProcessEnv): string | null {
  try {
    // Its help ends with an exit code of its own.
    const command = "command -v mosquitto >/dev/null && { mosquitto -h || true; }";
    const help = execFileSync("sh", ["-c", command], { env, encoding: "utf8", stdio: "pipe" });
    return /mosquitto version (\S+)/.exec(help)?.[1] ?? "unknown";
  } catch {
    return null;
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (address === null || typeof address === "string") throw new Error("no port is free");
  return address.port;
}

async function whenListening(port: number): Promise<void> {
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
