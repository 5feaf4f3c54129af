import { setTimeout as pause } from "node:timers/promises";
import { LocalCluster } from "../support/local-cluster.ts";
import { onInterrupt } from "./interrupt.ts";

/** A running broker to measure. */
export interface Broker {
  readonly name: string;
  readonly version: string;
  /** Ours must deliver everything; of the others it is told what they did. */
  readonly isOurs: boolean;
  readonly pids: readonly number[];
  readonly host: string;
  /** One of each node. */
  readonly ports: readonly number[];
  readonly subscribePort: number;
  /** Where several nodes listen for each other. */
  readonly peerPorts: readonly number[];
  /** Where nodes of ours answer HTTP. */
  readonly httpPorts: readonly number[];
  /** The highest that it knows. */
  readonly qosMax: 1 | 2;
  stop(): Promise<void>;
}

/** One of ours, with its processes. */
export interface FlockBroker extends Broker {
  readonly cluster: LocalCluster;
}

const voteTimeoutMs = 30_000;

export interface FlockOptions {
  readonly args?: readonly string[];
  /** For Node.js itself. */
  readonly nodeOptions?: string;
  /** Another build's `dist/node.js`. */
  readonly entry?: string;
}

/** Real nodes; publishers connect to the first, subscribers to the second where there is one. */
export async function startFlockMq(
  nodes: number,
  version: string,
  options: FlockOptions = {},
): Promise<FlockBroker> {
  const { args = [], nodeOptions, entry } = options;
  const starting = LocalCluster.start({
    nodes,
    args: ["--log-level", "warn", ...args],
    ...(entry === undefined ? {} : { entry }),
    ...(nodeOptions === undefined ? {} : { env: { NODE_OPTIONS: nodeOptions } }),
  });
  // Also one that is not ready yet must not stay behind.
  const stopWatching = onInterrupt(async () => (await starting).stop());
  const cluster = await starting;
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
    isOurs: true,
    pids: cluster.nodes.map(({ pid }) => pid),
    host: "127.0.0.1",
    ports,
    subscribePort: ports[1] ?? ports[0]!,
    peerPorts: nodes === 1 ? [] : cluster.nodes.map(({ ready }) => ready!.peer),
    httpPorts: cluster.nodes.map(({ ready }) => ready!.http),
    qosMax: 2,
    cluster,
    stop: () => {
      stopWatching();
      return cluster.stop();
    },
  };
}

/** An even number of nodes never votes as a whole: of two, one does. */
function votersOf(nodes: number): number {
  return nodes % 2 === 0 ? nodes - 1 : nodes;
}

async function whenAllVote(cluster: LocalCluster, nodes: number): Promise<void> {
  const deadlineMs = performance.now() + voteTimeoutMs;
  for (;;) {
    const status = await cluster.whenInSync(voteTimeoutMs);
    if (status.nodes.filter(({ voter }) => voter).length >= votersOf(nodes)) return;
    if (performance.now() > deadlineMs) throw new Error(`there are not enough voters yet`);
    await pause(100);
  }
}

/** A broker that somebody else started, as `[NAME=]HOST:PORT`. Without its process id its CPU time is not told. */
export function targetBroker(text: string, pid: number | undefined): Broker {
  const [, name, host, port] = /^(?:([^=]+)=)?([^=]+):(\d+)$/.exec(text) ?? [];
  if (host === undefined) throw new RangeError(`--target takes [NAME=]HOST:PORT, not ${text}`);
  return {
    name: name ?? `${host}:${port}`,
    version: "unknown",
    isOurs: false,
    pids: pid === undefined ? [] : [pid],
    host,
    ports: [Number(port)],
    subscribePort: Number(port),
    peerPorts: [],
    httpPorts: [],
    qosMax: 2,
    stop: () => Promise.resolve(),
  };
}

/** What brokers of this machine that are not ours have in common. */
export const peer = { isOurs: false, host: "127.0.0.1", peerPorts: [], httpPorts: [] } as const;
