import { cpuSeconds } from "./cpu-time.ts";
import { measure } from "./load/start.ts";
import type { NatsCluster } from "./nats-cluster.ts";
import { NatsConnection } from "./nats-connection.ts";
import { percentileOfSorted } from "./statistics.ts";
import { plainLoad } from "./workloads.ts";

/** The same for every system that is compared. */
export interface CommitJob {
  /** Clients, each with a connection of its own. */
  readonly writers: number;
  /** Writes of one client under way. */
  readonly window: number;
  readonly payloadSizeBytes: number;
  /** Keys (topics) that each client writes in turn. */
  readonly keysPerWriter: number;
  readonly warmupMs: number;
  readonly seconds: number;
}

export interface CommitResult {
  readonly commitsPerSecond: number;
  /** Of all three servers together, per acknowledged write. */
  readonly cpuMicrosPerCommit: number;
  /** From the write to its acknowledgement. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU seconds per second of what makes the load, which shares the machine with what is measured. */
  readonly generatorLoad: number;
}

/** Retained QoS 1 writes on one node of a running flock. */
export async function commitsOfFlock(
  job: CommitJob,
  broker: { readonly ports: readonly number[]; readonly pids: readonly number[] },
): Promise<CommitResult> {
  const result = await measure({
    ...plainLoad,
    run: Date.now() % 1_000_000,
    publishers: job.writers,
    subscribers: 0,
    qos: 1,
    retain: true,
    payloadSizeBytes: job.payloadSizeBytes,
    topicsPerPublisher: job.keysPerWriter,
    window: job.window,
    host: "127.0.0.1",
    publishPorts: broker.ports.slice(0, 1),
    subscribePort: broker.ports[0]!,
    warmupMs: job.warmupMs,
    seconds: job.seconds,
    pids: broker.pids,
    peerPorts: [],
    metricsPorts: [],
  });
  if (result.integrity.lost > 0) throw new Error(`${result.integrity.lost} writes got no answer`);
  return {
    commitsPerSecond: result.messagesPerSecond,
    cpuMicrosPerCommit: result.cpuMicrosPerMessage,
    p50Ms: result.acknowledgedMs?.p50 ?? Number.NaN,
    p99Ms: result.acknowledgedMs?.p99 ?? Number.NaN,
    generatorLoad: result.generatorLoad,
  };
}

/** Writes to a key-value stream with three replicas, on one server. */
export async function commitsOfNats(job: CommitJob, cluster: NatsCluster): Promise<CommitResult> {
  const connections = await Promise.all(
    Array.from({ length: job.writers * job.window }, () =>
      NatsConnection.open(cluster.ports[0] ?? 0),
    ),
  );
  const payload = Buffer.alloc(job.payloadSizeBytes, "x");
  const latencies: number[] = [];
  const startMs = performance.now() + job.warmupMs;
  const endMs = startMs + job.seconds * 1000;
  const write = async (connection: NatsConnection, writer: number): Promise<void> => {
    for (let i = 0; performance.now() < endMs; i++) {
      const sentMs = performance.now();
      const key = `$KV.bench.${writer}-${i % job.keysPerWriter}`;
      const answer = await connection.request(key, payload);
      if (!answer.includes('"seq"')) throw new Error(answer);
      const nowMs = performance.now();
      if (nowMs >= startMs && nowMs < endMs) latencies.push(nowMs - sentMs);
    }
  };
  const cpu = cpuOfSpan(cluster.pids, job);
  await Promise.all(connections.map(write));
  const { serversSeconds, generatorSeconds } = await cpu;
  for (const connection of connections) connection.close();
  const sorted = latencies.sort((one, other) => one - other);
  return {
    commitsPerSecond: sorted.length / job.seconds,
    cpuMicrosPerCommit: (serversSeconds * 1e6) / sorted.length,
    p50Ms: percentileOfSorted(sorted, 0.5),
    p99Ms: percentileOfSorted(sorted, 0.99),
    generatorLoad: generatorSeconds / job.seconds,
  };
}

/** CPU time of the servers and of this process from the end of the warm-up to the end of the measurement. */
async function cpuOfSpan(
  pids: readonly number[],
  { warmupMs, seconds }: CommitJob,
): Promise<{ readonly serversSeconds: number; readonly generatorSeconds: number }> {
  await new Promise((resolve) => setTimeout(resolve, warmupMs));
  const servers = cpuSeconds(pids);
  const own = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const used = process.cpuUsage(own);
  return {
    serversSeconds: cpuSeconds(pids) - servers,
    generatorSeconds: (used.user + used.system) / 1e6,
  };
}
