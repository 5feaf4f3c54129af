/** Measures FlockMQ beside mosquitto with a load generator of its own: `npm run bench -- --help`. */
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { type Broker, startFlockMq, startMosquitto } from "./brokers.ts";
import type { LoadResult } from "./load/job.ts";
import { measure } from "./load/start.ts";
import { complaints, type Figures, summarize, table } from "./report.ts";
import { type Workload, workloads } from "./workloads.ts";

const program = new Command("bench")
  .description(
    "Messages per second and CPU time per message of one node, of three, and of mosquitto where it is installed, in alternating rounds; medians. Every message is checked: lost, duplicate, out of order. Exit 1 when FlockMQ did not deliver exactly what was sent. Needs `npm run build` before.",
  )
  .option("--seconds <count>", "measured seconds per run, after a warm-up", "3")
  .option("--rounds <count>", "runs of each workload on each broker", "3")
  .option("--only <name>", `workloads whose name contains this: ${namesOf(workloads)}`, "")
  .option("--brokers <list>", "of flockmq, flockmq3, mosquitto", "flockmq,flockmq3,mosquitto")
  .option("--json <file>", "write the result as JSON there, too")
  .option("--quick", "one short round of some workloads: a check that it works, not a measurement")
  .parse();
const options = program.opts<{
  seconds: string;
  rounds: string;
  only: string;
  brokers: string;
  json?: string;
  quick?: boolean;
}>();

const isQuick = options.quick === true;
const seconds = isQuick ? 0.5 : positive("--seconds", options.seconds);
const rounds = isQuick ? 1 : positive("--rounds", options.rounds);
const warmupMs = isQuick ? 300 : 1000;
const reference = "mosquitto";
const chosen = workloads.filter(
  ({ name, isQuick: isInQuick }) => name.includes(options.only) && (isInQuick || !isQuick),
);
if (chosen.length === 0) program.error(`no workload is named like that: ${namesOf(workloads)}`);

const manifest = readFileSync(join(import.meta.dirname, "..", "..", "package.json"), "utf8");
const { version } = JSON.parse(manifest) as { version: string };
const brokers: Broker[] = [];
try {
  await startBrokers(options.brokers.split(","));
  const figures = await measureAll();
  report(figures);
} finally {
  await Promise.all(brokers.map((broker) => broker.stop()));
}

async function startBrokers(names: readonly string[]): Promise<void> {
  if (names.includes("flockmq")) brokers.push(await startFlockMq(1, version));
  if (names.includes("flockmq3")) brokers.push(await startFlockMq(3, version));
  if (!names.includes("mosquitto")) return;
  const mosquitto = await startMosquitto();
  if (mosquitto !== null) brokers.push(mosquitto);
  else console.error("mosquitto is not installed: nothing to compare with");
}

async function measureAll(): Promise<readonly Figures[]> {
  const results = new Map<string, LoadResult[]>();
  let run = Date.now() % 1_000_000;
  for (let round = 0; round < rounds; round++) {
    for (const workload of chosen) {
      for (const broker of brokers) {
        const result = await measureOne(workload, broker, ++run);
        const key = keyOf(workload, broker.name);
        results.set(key, [...(results.get(key) ?? []), result]);
        console.error(
          `round ${round + 1}  ${workload.name.padEnd(16)} ${broker.name.padEnd(12)} ${String(Math.round(result.messagesPerSecond)).padStart(9)}/s  ${result.cpuMicrosPerMessage.toFixed(2)} µs`,
        );
      }
    }
  }
  return chosen.flatMap((workload) =>
    brokers.map(({ name }) =>
      summarize(
        workload.name,
        name,
        results.get(keyOf(workload, name)) ?? [],
        results.get(keyOf(workload, reference)) ?? [],
      ),
    ),
  );
}

async function measureOne(workload: Workload, broker: Broker, run: number): Promise<LoadResult> {
  const { pids, publishPort, subscribePort } = broker;
  try {
    const job = { ...workload.job, run, pids, publishPort, subscribePort, seconds, warmupMs };
    return await measure(job);
  } catch (error) {
    throw new Error(`${workload.name} on ${broker.name} failed`, { cause: error });
  }
}

function report(figures: readonly Figures[]): void {
  const titleOf = (name: string): string =>
    workloads.find((workload) => workload.name === name)?.title ?? name;
  for (const line of table(figures, titleOf)) console.log(line);
  const result = {
    machine: { processor: cpus()[0]?.model ?? "unknown", cores: cpus().length },
    node: process.version,
    versions: Object.fromEntries(brokers.map((broker) => [broker.name, broker.version])),
    seconds,
    rounds,
    payloadSizeBytes: chosen[0]?.job.payloadSizeBytes,
    figures,
  };
  const json = JSON.stringify(result, null, 2);
  console.log(json);
  if (options.json !== undefined) writeFileSync(options.json, `${json}\n`);
  if (complaints(figures.filter(({ broker }) => broker !== reference)).length > 0) {
    process.exitCode = 1;
  }
}

function keyOf(workload: Workload, broker: string): string {
  return `${workload.name} ${broker}`;
}

function namesOf(all: readonly Workload[]): string {
  return all.map(({ name }) => name).join(", ");
}

function positive(flag: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) program.error(`${flag} takes a number above 0, not ${text}`);
  return value;
}
