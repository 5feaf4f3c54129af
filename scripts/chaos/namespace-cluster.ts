import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type IClientOptions, MqttClient } from "mqtt";
import type { StatusAnswer } from "../support/local-cluster.ts";
import { NodeProcess } from "../support/node-process.ts";
import type { Namespaces } from "./namespaces.ts";

const startTimeoutMs = 60_000;
const ports = { mqtt: 1883, ws: 8083, http: 8080, peer: 7001 } as const;
const clusterCommand = join(import.meta.dirname, "..", "..", "dist", "cli", "cluster.js");
const relayScript = join(import.meta.dirname, "namespace-relay.ts");

/** Real nodes that see each other only through a network that can be cut. Clients connect inside the namespaces. */
export class NamespaceCluster {
  readonly network: Namespaces;
  readonly nodes: NodeProcess[] = [];
  readonly #cwd: string;
  readonly #relays: ChildProcess[] = [];

  private constructor(network: Namespaces, cwd: string) {
    this.network = network;
    this.#cwd = cwd;
  }

  static async start(network: Namespaces): Promise<NamespaceCluster> {
    const cluster = new NamespaceCluster(network, await mkdtemp(join(tmpdir(), "flockmq-")));
    try {
      for (let index = 0; index < network.count; index++) cluster.#spawn(index);
      await Promise.all(cluster.nodes.map((node) => node.whenReady(startTimeoutMs)));
      await until(startTimeoutMs, "the relays do not listen", () =>
        cluster.nodes.every((_, index) => existsSync(cluster.#socketOf(index))),
      );
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  /** A client of node `index`. It connects once and never again, so that the end of its connection is seen. */
  client(index: number, options: IClientOptions): MqttClient {
    const client = new MqttClient(() => connect(this.#socketOf(index)), {
      protocolVersion: 5,
      reconnectPeriod: 0,
      connectTimeout: 30_000,
      keepalive: 60,
      queueQoSZero: false,
      ...options,
    });
    client.on("error", () => undefined);
    return client;
  }

  /** What `cluster status` of this node says and its exit code. */
  status(
    index: number,
    waitSeconds: number,
  ): Promise<{ readonly exitCode: number; readonly status: StatusAnswer | null }> {
    const [command = "", ...prefix] = this.network.commandOf(index);
    const url = `http://127.0.0.1:${ports.http}`;
    const wait = ["--wait", String(waitSeconds)];
    const run = [process.execPath, clusterCommand, "status", "--json", "--url", url, ...wait];
    return new Promise((resolve) => {
      const child = execFile(command, [...prefix, ...run], (_error, stdout) => {
        const status = stdout === "" ? null : (JSON.parse(stdout) as StatusAnswer);
        resolve({ exitCode: child.exitCode ?? 128, status });
      });
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.filter((node) => node.isRunning).map((node) => node.stop()));
    for (const relay of this.#relays) relay.kill("SIGKILL");
    await rm(this.#cwd, { recursive: true, force: true });
  }

  #spawn(index: number): void {
    const all = [...Array(this.network.count).keys()];
    const seeds = all.map((one) => `${this.network.addressOf(one)}:${ports.peer}`);
    const name = `n${index + 1}`;
    const args = ["--name", name, "--data-dir", join("flockmq-data", name), "--mdns", "off"];
    const forming = ["--bootstrap-expect", String(all.length), "--join", seeds.join(",")];
    const fixed = Object.entries(ports).map(([face, port]) => [`--${face}`, String(port)]);
    const within = this.network.commandOf(index);
    this.nodes.push(
      new NodeProcess({ cwd: this.#cwd, args: [...args, ...forming, ...fixed.flat()], within }),
    );
    const [command = "", ...prefix] = within;
    const relay = [process.execPath, relayScript, `${this.#socketOf(index)}=${ports.mqtt}`];
    const stdio = ["pipe", "ignore", "inherit"] as const;
    this.#relays.push(spawn(command, [...prefix, ...relay], { stdio: [...stdio] }));
  }

  #socketOf(index: number): string {
    return join(this.#cwd, `n${index + 1}.mqtt`);
  }
}

/** Resolves when `isTrue`; rejects with `problem` when the time is up. */
export async function until(
  timeoutMs: number,
  problem: string,
  isTrue: () => boolean,
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!isTrue()) {
    if (performance.now() > deadlineMs) throw new Error(`${problem} after ${timeoutMs} ms`);
    await pause(20);
  }
}

export function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}
