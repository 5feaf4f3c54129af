import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NatsConnection } from "./nats-connection.ts";
import { freePort, searchPath } from "./processes.ts";

const nodeCount = 3;
const startTimeoutMs = 30_000;
const imageMegabytes = 1024;
const streamName = "KV_bench";

/** Three nats-servers with a JetStream stream of three replicas, configured as a key-value bucket. */
export interface NatsCluster {
  readonly version: string;
  /** How its writes reach the disk. */
  readonly durability: string;
  readonly ports: readonly number[];
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

/**
 * As configured when nobody asks: the disk hears of writes when the system likes. Or each write reaches the disk before it is
 * acknowledged: by `sync_interval: always` where the version knows it (2.10), else by a file system mounted sync, since a
 * version before has no means of its own.
 */
export const natsDurabilities = ["not synced", "synced"] as const;
export type NatsDurability = (typeof natsDurabilities)[number];

/** Null when nats-server is not installed. Rejects when `synced` cannot be had on this machine. */
export async function startNats(durability: NatsDurability): Promise<NatsCluster | null> {
  const env = { ...process.env, PATH: searchPath() };
  const version = natsVersion(env);
  if (version === null) return null;
  const directory = await mkdtemp(join(tmpdir(), "flockmq-bench-nats-"));
  const children: ChildProcess[] = [];
  let unmount = (): void => undefined;
  const stop = async (): Promise<void> => {
    for (const child of children) {
      if (child.exitCode === null && child.kill("SIGKILL")) await once(child, "exit");
    }
    unmount();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const store = join(directory, "store");
    await mkdir(store);
    const isSynced = durability !== "not synced";
    const hasOption = isSynced && (await knowsSyncInterval(env, directory));
    if (isSynced && !hasOption) unmount = mountSynced(directory, store);
    const sync = hasOption ? "sync_interval: always" : "";
    const [ports, routes] = await Promise.all([freePorts(), freePorts()]);
    for (let index = 0; index < nodeCount; index++) {
      const file = join(directory, `${index}.conf`);
      await writeFile(file, configuration(index, ports, routes, store, sync));
      children.push(spawn("nats-server", ["-c", file], { env, stdio: "ignore" }));
    }
    await createStream(ports[0] ?? 0);
    const pids = children.map(({ pid }) => pid ?? 0);
    return { version, durability: describeDurability(durability, hasOption), ports, pids, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function describeDurability(durability: NatsDurability, hasOption: boolean): string {
  if (durability === "not synced") return "default, not synced";
  if (hasOption) return "sync_interval: always";
  return "ext4 mounted sync: each write call waits for the disk by itself";
}

function configuration(
  index: number,
  ports: readonly number[],
  routes: readonly number[],
  store: string,
  sync: string,
): string {
  const others = routes.filter((_, i) => i !== index).map((port) => `nats://127.0.0.1:${port}`);
  return [
    `listen: 127.0.0.1:${ports[index]}`,
    `server_name: nats${index}`,
    `jetstream { store_dir: "${join(store, String(index))}"`,
    sync,
    "}",
    `cluster { name: bench, listen: 127.0.0.1:${routes[index]}, routes: [${others.join(", ")}] }`,
    "",
  ].join("\n");
}

function natsVersion(env: NodeJS.ProcessEnv): string | null {
  try {
    const line = execFileSync("nats-server", ["--version"], { env, encoding: "utf8" });
    return /v(\d\S*)/.exec(line)?.[1] ?? "unknown";
  } catch {
    return null;
  }
}

/** Older versions refuse the option. */
async function knowsSyncInterval(env: NodeJS.ProcessEnv, directory: string): Promise<boolean> {
  const file = join(directory, "try.conf");
  await writeFile(file, "jetstream { sync_interval: always }\n");
  try {
    execFileSync("nats-server", ["-t", "-c", file], { env, stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** An ext4 of its own on which every write is synchronous. Throws where that is not permitted. Answers how to undo it. */
function mountSynced(directory: string, at: string): () => void {
  const image = join(directory, "store.img");
  const quiet = { stdio: "ignore" } as const;
  execFileSync("truncate", ["-s", `${imageMegabytes}M`, image], quiet);
  execFileSync("mkfs.ext4", ["-q", "-F", image], quiet);
  execFileSync("mount", ["-o", "loop,sync,dirsync", image, at], quiet);
  return () => {
    execFileSync("umount", [at], quiet);
  };
}

/** Tries until the servers have found each other and chosen who leads. */
async function createStream(port: number): Promise<void> {
  const deadlineMs = performance.now() + startTimeoutMs;
  const wanted = {
    name: streamName,
    subjects: ["$KV.bench.>"],
    num_replicas: nodeCount,
    max_msgs_per_subject: 1,
    discard: "new",
    storage: "file",
  };
  for (;;) {
    let problem: string;
    try {
      const connection = await NatsConnection.open(port);
      try {
        const subject = `$JS.API.STREAM.CREATE.${streamName}`;
        const answer = await connection.request(subject, Buffer.from(JSON.stringify(wanted)));
        if (!answer.includes('"error"')) return;
        problem = answer;
      } finally {
        connection.close();
      }
    } catch (error) {
      problem = (error as Error).message;
    }
    if (performance.now() > deadlineMs) throw new Error(`no stream of ${nodeCount}: ${problem}`);
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

async function freePorts(): Promise<readonly number[]> {
  return Promise.all(Array.from({ length: nodeCount }, () => freePort()));
}
