/** Replicated, synced writes a second of three local nodes beside three nats-servers: `npm run bench:commits -- --help`. */
import { Command } from "commander";
import { startFlockMq } from "./brokers.ts";
import { measure } from "./load/start.ts";
import { type NatsCluster, type NatsDurability, startNats } from "./nats-cluster.ts";
import { NatsConnection } from "./nats-connection.ts";
import { median } from "./statistics.ts";

const program = new Command("bench:commits")
  .description(
    "256 clients, each with one retained QoS 1 write of 300 bytes under way, on a flock of three; and as many writes to a key-value stream with three replicas on three nats-servers, where they are installed, with their default (not synced) and with every write synced. Alternating rounds, medians. Needs `npm run build` before.",
  )
  .option("--seconds <count>", "measured seconds per round", "5")
  .option("--rounds <count>", "of each", "3")
  .option("--writers <count>", "clients", "256")
  .option("--window <count>", "writes of one client under way, FlockMQ and NATS alike", "1")
  .parse();
const options = program.opts<{
  seconds: string;
  rounds: string;
  writers: string;
  window: string;
}>();
const seconds = Number(options.seconds);
const writers = Number(options.writers);
const window = Number(options.window);
const payloadSizeBytes = 300;
const keysPerWriter = 4;
const warmupMs = 1000;
/** In every payload, so that nothing of an earlier run counts. */
let run = Date.now() % 1_000_000;

const results = new Map<string, number[]>();
for (let round = 0; round < Number(options.rounds); round++) {
  await one("FlockMQ, synced", commitsOfFlock);
  await one("nats-server, synced", () => commitsOfNats("synced"));
  await one("nats-server, not synced", () => commitsOfNats("default"));
}
const medians = [...results].map(([name, rates]) => [name, Math.round(median(rates))] as const);
console.log(
  JSON.stringify({ writers, window, payloadSizeBytes, ...Object.fromEntries(medians) }, null, 2),
);

async function one(name: string, rateOf: () => Promise<number | null>): Promise<void> {
  try {
    const rate = await rateOf();
    if (rate === null) return;
    results.set(name, [...(results.get(name) ?? []), rate]);
    console.log(`${name.padEnd(24)} ${rate.toFixed(0).padStart(8)} commits/s`);
  } catch (error) {
    console.error(`${name}: not measured: ${(error as Error).message}`);
  }
}

async function commitsOfFlock(): Promise<number> {
  const broker = await startFlockMq(3, "");
  try {
    const { messagesPerSecond } = await measure({
      run: ++run,
      publishers: writers,
      subscribers: 0,
      layout: "pairs",
      qos: 1,
      retain: true,
      payloadSizeBytes,
      topicsPerPublisher: keysPerWriter,
      window,
      outstandingMax: 0,
      publishPort: broker.publishPort,
      subscribePort: broker.subscribePort,
      warmupMs,
      seconds,
      pids: broker.pids,
    });
    return messagesPerSecond;
  } finally {
    await broker.stop();
  }
}

async function commitsOfNats(durability: NatsDurability): Promise<number | null> {
  const cluster = await startNats(durability);
  if (cluster === null) return null;
  try {
    console.log(`nats-server ${cluster.version}, ${cluster.durability}`);
    return await writeToNats(cluster);
  } finally {
    await cluster.stop();
  }
}

async function writeToNats({ ports }: NatsCluster): Promise<number> {
  const connections = await Promise.all(
    Array.from({ length: writers * window }, () => NatsConnection.open(ports[0] ?? 0)),
  );
  const payload = Buffer.alloc(payloadSizeBytes, "x");
  const startMs = performance.now() + warmupMs;
  const endMs = startMs + seconds * 1000;
  let commits = 0;
  await Promise.all(
    connections.map(async (connection, writer) => {
      for (let i = 0; performance.now() < endMs; i++) {
        const answer = await connection.request(
          `$KV.bench.${writer}-${i % keysPerWriter}`,
          payload,
        );
        if (!answer.includes('"seq"')) throw new Error(answer);
        const nowMs = performance.now();
        if (nowMs >= startMs && nowMs < endMs) commits++;
      }
    }),
  );
  for (const connection of connections) connection.close();
  return commits / seconds;
}
