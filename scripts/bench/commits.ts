/** Replicated, synced writes a second of three local nodes beside three nats-servers: `npm run bench:commits -- --help`. */
import { cpus } from "node:os";
import { Command } from "commander";
import { startFlockMq } from "./brokers.ts";
import { type CommitJob, type CommitResult, commitsOfFlock, commitsOfNats } from "./commit-load.ts";
import { natsDurabilities, startNats } from "./nats-cluster.ts";
import { median } from "./statistics.ts";

const program = new Command("bench:commits")
  .description(
    "256 clients, each with one retained QoS 1 write of 300 bytes under way, on a flock of three; and as many writes to a key-value stream with three replicas on three nats-servers, where they are installed: as they are (not synced), and with every write synced. Alternating rounds, medians. Needs `npm run build` before, and root for nats-servers without `sync_interval` (before 2.10), which then write to a file system mounted sync.",
  )
  .option("--seconds <count>", "measured seconds per round", "5")
  .option("--warmup <seconds>", "before each measurement, for all alike", "5")
  .option("--rounds <count>", "of each", "3")
  .option("--writers <count>", "clients", "256")
  .option("--window <count>", "writes of one client under way, FlockMQ and NATS alike", "1")
  .option("--only <text>", "only systems whose name contains this")
  .parse();
const options = program.opts<{
  seconds: string;
  warmup: string;
  rounds: string;
  writers: string;
  window: string;
  only?: string;
}>();
const job: CommitJob = {
  writers: Number(options.writers),
  window: Number(options.window),
  payloadSizeBytes: 300,
  keysPerWriter: 4,
  warmupMs: Number(options.warmup) * 1000,
  seconds: Number(options.seconds),
};

const results = new Map<string, CommitResult[]>();
const failures = new Map<string, string>();
for (let round = 0; round < Number(options.rounds); round++) {
  await one("FlockMQ, synced by a majority", flock);
  for (const durability of natsDurabilities) {
    await one(`nats-server, ${durability}`, () => nats(durability));
  }
}
console.log(
  `\nMedians of ${options.rounds} rounds of ${job.seconds} s after ${job.warmupMs / 1000} s; ${job.writers} clients x ${job.window}, ${job.payloadSizeBytes} bytes; ${cpus().length} x ${cpus()[0]?.model}, Node ${process.versions.node}`,
);
console.log(line("", ["commits/s", "CPU us", "p50 ms", "p99 ms", "generator"]));
for (const [name, rounds] of results) {
  const middle = (field: keyof CommitResult): number => median(rounds.map((one) => one[field]));
  console.log(
    line(name, [
      middle("commitsPerSecond").toFixed(0),
      middle("cpuMicrosPerCommit").toFixed(1),
      middle("p50Ms").toFixed(1),
      middle("p99Ms").toFixed(1),
      middle("generatorLoad").toFixed(2),
    ]),
  );
}
for (const [name, message] of failures) console.log(`${name}: not measured: ${message}`);

async function one(name: string, run: () => Promise<CommitResult | null>): Promise<void> {
  if (options.only !== undefined && !name.includes(options.only)) return;
  try {
    const result = await run();
    if (result === null) return;
    results.set(name, [...(results.get(name) ?? []), result]);
    const { commitsPerSecond, cpuMicrosPerCommit, p50Ms, p99Ms, generatorLoad } = result;
    const figures = [
      commitsPerSecond.toFixed(0),
      cpuMicrosPerCommit.toFixed(1),
      p50Ms.toFixed(1),
      p99Ms.toFixed(1),
      generatorLoad.toFixed(2),
    ];
    console.log(line(name, figures));
  } catch (error) {
    failures.set(name, (error as Error).message);
  }
}

function line(name: string, columns: readonly string[]): string {
  return `${name.padEnd(48)}${columns.map((column) => column.padStart(11)).join("")}`;
}

async function flock(): Promise<CommitResult> {
  const broker = await startFlockMq(3, "");
  try {
    return await commitsOfFlock(job, broker);
  } finally {
    await broker.stop();
  }
}

async function nats(durability: (typeof natsDurabilities)[number]): Promise<CommitResult | null> {
  const cluster = await startNats(durability);
  if (cluster === null) return null;
  try {
    console.log(`nats-server ${cluster.version}: ${cluster.durability}`);
    return await commitsOfNats(job, cluster);
  } finally {
    await cluster.stop();
  }
}
