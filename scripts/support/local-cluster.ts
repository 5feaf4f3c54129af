import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NodeProcess } from "./node-process.ts";

/** What `cluster status --json` and GET /api/v1/cluster answer, as far as the scripts read it. */
export interface StatusAnswer {
  readonly inSync: boolean;
  readonly quorum: boolean;
  readonly leader: string | null;
  readonly term: number;
  readonly reasons: readonly string[];
  readonly nodes: readonly {
    readonly name: string;
    readonly nodeId: string;
    readonly role: string;
    readonly voter: boolean;
    readonly state: string;
    readonly appliedIndex: number;
    readonly digest: string;
    readonly retained: number;
    readonly devices: number;
    readonly connections: number;
    readonly ports: Readonly<Record<string, number>>;
  }[];
}

export interface LocalClusterOptions {
  readonly nodes: number;
  /** More arguments for every node. */
  readonly args?: readonly string[];
  /** Beside the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** The `dist/node.js` of another build. */
  readonly entry?: string;
  /** Made and removed by the cluster when left out. */
  readonly cwd?: string;
  /** A Ctrl-C in the terminal does not reach the nodes: the program that started them has something to do with them first. */
  readonly isApart?: boolean;
  /** Fixed ports from here on (mqtt, ws, http, peer at +0, +1000, +2000, +3000); any free ones when left out. */
  readonly basePort?: number;
}

const startTimeoutMs = 60_000;

/** Below the working directory of the cluster. */
function dataDirectory(index: number): string {
  return join("flockmq-data", `n${index + 1}`);
}

/** N real nodes on this machine, in a directory of their own, each with its own data directory and secret in common. */
export class LocalCluster {
  readonly nodes: NodeProcess[] = [];
  readonly cwd: string;
  readonly #options: LocalClusterOptions;
  readonly #isTemporary: boolean;

  private constructor(cwd: string, isTemporary: boolean, options: LocalClusterOptions) {
    this.cwd = cwd;
    this.#isTemporary = isTemporary;
    this.#options = options;
  }

  static async start(options: LocalClusterOptions): Promise<LocalCluster> {
    const cwd = options.cwd ?? (await mkdtemp(join(tmpdir(), "flockmq-")));
    const cluster = new LocalCluster(cwd, options.cwd === undefined, options);
    try {
      // Nodes of an earlier run are a quorum only together; new ones need one that is ready to join.
      const known = cluster.#nodesOfEarlierRun();
      for (let i = 0; i < Math.max(1, known); i++) cluster.#spawn(i);
      await cluster.#whenAllReady();
      for (let i = cluster.nodes.length; i < options.nodes; i++) cluster.#spawn(i);
      await cluster.#whenAllReady();
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  /** How many in a row have a data directory already. */
  #nodesOfEarlierRun(): number {
    let known = 0;
    while (known < this.#options.nodes && existsSync(join(this.cwd, dataDirectory(known)))) known++;
    return known;
  }

  async #whenAllReady(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.whenReady(startTimeoutMs)));
  }

  nodeAt(index: number): NodeProcess {
    const node = this.nodes[index];
    if (node === undefined) throw new Error(`there is no node ${index}`);
    return node;
  }

  /** Starts a killed node again on its data directory and its ports. */
  restart(index: number): NodeProcess {
    if (this.nodeAt(index).isRunning) throw new Error(`node ${index} is still running`);
    return this.#spawn(index);
  }

  /** Asks any of the living for the state of the cluster; null when none answers. */
  async status(): Promise<StatusAnswer | null> {
    for (const node of this.nodes) {
      if (node.ready === null || !node.isRunning) continue;
      try {
        const url = `http://127.0.0.1:${node.ready.http}/api/v1/cluster`;
        const answer = await fetch(url, { signal: AbortSignal.timeout(6000) });
        if (answer.ok) return (await answer.json()) as StatusAnswer;
      } catch {
        // This one is on its way down or paused; another may answer.
      }
    }
    return null;
  }

  /** Resolves with the status that was in sync; rejects with the last one when the time is up. */
  async whenInSync(timeoutMs: number): Promise<StatusAnswer> {
    const deadlineMs = performance.now() + timeoutMs;
    for (;;) {
      const status = await this.status();
      if (status?.inSync === true && status.nodes.length === this.nodes.length) return status;
      if (performance.now() > deadlineMs) {
        const reasons = JSON.stringify(status?.reasons ?? "no node answers");
        throw new Error(`not in sync after ${timeoutMs} ms: ${reasons}\n${this.#describeEnded()}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  /** The end of the logs of nodes that are not running, for whoever has to find out why. */
  #describeEnded(): string {
    return this.nodes
      .filter((node) => !node.isRunning || node.ready === null)
      .map((node) => {
        const state = node.isRunning ? "never became ready" : `ended with ${node.exitCode}`;
        return `${node.options.args[1]} ${state}:\n${node.log.slice(-12).join("\n")}`;
      })
      .join("\n");
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.filter((node) => node.isRunning).map((node) => node.stop()));
    if (this.#isTemporary) await rm(this.cwd, { recursive: true, force: true });
  }

  #spawn(index: number): NodeProcess {
    const previous = this.nodes[index]?.ready;
    const base = this.#options.basePort;
    const ports = (["mqtt", "ws", "http", "peer"] as const).map((name, kind) => {
      const port = previous?.[name] ?? (base === undefined ? 0 : base + kind * 1000 + index);
      return [`--${name}`, String(port)];
    });
    const seed = this.nodes.find((node, i) => i !== index && node.ready !== null)?.ready?.peer;
    const args = [
      "--name",
      `n${index + 1}`,
      "--data-dir",
      dataDirectory(index),
      ...ports.flat(),
      ...(seed === undefined ? [] : ["--join", `127.0.0.1:${seed}`]),
      "--mdns",
      "off",
      ...(this.#options.args ?? []),
    ];
    const { env, entry, isApart = false } = this.#options;
    const node = new NodeProcess({
      ...{ cwd: this.cwd, args, isApart },
      ...(env === undefined ? {} : { env }),
      ...(entry === undefined ? {} : { entry }),
    });
    this.nodes[index] = node;
    return node;
  }
}
