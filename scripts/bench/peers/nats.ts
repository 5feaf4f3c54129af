import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type Broker, peer } from "../brokers.ts";
import { Connection } from "../load/connection.ts";
import { endProcess, freePort, printedBy, startServer } from "../processes.ts";

const startTimeoutMs = 30_000;
/** MQTT's QoS 2 came with this version. */
const qos2Since = [2, 10];

/**
 * nats-server with MQTT, which needs its JetStream, with files as they come; several are a cluster whose streams have as many
 * replicas. Publishers connect to the first, subscribers to the second. Null when it is not installed.
 */
export async function startNatsMqtt(nodes: 1 | 3): Promise<Broker | null> {
  const version = /v(\d\S*)/.exec(printedBy("nats-server", "--version") ?? "")?.[1];
  if (version === undefined) return null;
  const directory = await mkdtemp(join(tmpdir(), "flockmq-bench-nats-"));
  const freePorts = (): Promise<number[]> =>
    Promise.all(Array.from({ length: nodes }, () => freePort()));
  const [clients, mqtt, routes] = await Promise.all([freePorts(), freePorts(), freePorts()]);
  const files = clients.map((_, at) => join(directory, `${at}.conf`));
  for (const [at, file] of files.entries()) {
    const others = routes
      .filter((_, other) => other !== at)
      .map((port) => `nats://127.0.0.1:${port}`);
    const lines = [
      `listen: 127.0.0.1:${clients[at]}`,
      `server_name: nats${at}`,
      `jetstream { store_dir: "${join(directory, String(at))}" }`,
      `mqtt { listen: "127.0.0.1:${mqtt[at]}", stream_replicas: ${nodes} }`,
    ];
    if (nodes > 1) {
      lines.push(
        `cluster { name: bench, listen: 127.0.0.1:${routes[at]}, routes: [${others.join(", ")}] }`,
      );
    }
    await writeFile(file, `${lines.join("\n")}\n`);
  }
  const children = files.map((file) =>
    startServer("nats-server", ["-l", `${file}.log`, "-c", file]),
  );
  const stop = async (): Promise<void> => {
    await Promise.all(children.map((child) => endProcess(child)));
    await rm(directory, { recursive: true, force: true });
  };
  try {
    for (const port of mqtt) await whenAccepting(port);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    ...peer,
    name: nodes === 1 ? "nats-server" : `nats-server x ${nodes}`,
    version,
    pids: children.map(({ pid }) => pid ?? 0),
    peerPorts: nodes === 1 ? [] : routes,
    ports: mqtt,
    subscribePort: mqtt[1] ?? mqtt[0]!,
    qosMax: isAtLeast(version, qos2Since) ? 2 : 1,
    stop,
  };
}

/** It listens before its JetStream is ready, and refuses clients until then. */
async function whenAccepting(port: number): Promise<void> {
  const deadlineMs = performance.now() + startTimeoutMs;
  for (;;) {
    const ignore = (): void => undefined;
    const handler = { publish: ignore, acknowledge: ignore, readEnded: ignore, failed: ignore };
    const connection = new Connection({ port }, handler);
    try {
      await connection.open(`probe-${port}`);
      return;
    } catch (error) {
      if (performance.now() > deadlineMs) throw error;
      await pause(200);
    } finally {
      await connection.close();
    }
  }
}

function isAtLeast(version: string, wanted: readonly number[]): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > wanted[0]! || (major === wanted[0] && minor >= wanted[1]!);
}
