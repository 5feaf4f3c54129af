/** What viewers cost a node and its publishers: `npm run bench:viewers -- --help`. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { LocalCluster } from "../../support/local-cluster.ts";
import { cpuSeconds } from "../cpu-time.ts";
import { median, percentileOfSorted } from "../statistics.ts";
import { Publishers } from "./publishers.ts";

const options = new Command("bench:viewers")
  .description(
    "Publishers of device updates at a fixed rate on one node, alternately without viewers and with many WebSocket viewers of all devices, of which some read nothing. The publishers' acknowledgements, the node's memory and its CPU time, as medians of the rounds. Needs `npm run build` before.",
  )
  .option("--viewers <count>", "that read", "1000")
  .option("--stalled <count>", "that read nothing", "10")
  .option("--interval <ms>", "between two texts to a viewer", "1000")
  .option("--rate <count>", "device updates per second, all publishers together", "500")
  .option("--devices <count>", "that are updated in turn", "200")
  .option("--publishers <count>", "clients", "10")
  .option("--seconds <count>", "measured, per round", "15")
  .option("--rounds <count>", "of each", "3")
  .parse()
  .opts<Record<string, string>>();

const number = (name: string): number => Number(options[name]);
const seconds = number("seconds");

interface Round {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMicros: number;
  readonly rssMiB: number;
  readonly texts: number;
  readonly failed: number;
  readonly closed: number;
}

const cluster = await LocalCluster.start({ nodes: 1 });
const node = cluster.nodeAt(0);
const { mqtt: port = 0, http = 0, pid = 0 } = node.ready ?? {};
const publishers = new Publishers({
  ...{ port, publishers: number("publishers"), devices: number("devices") },
  messagesPerSecond: number("rate"),
});
const rounds = { without: [] as Round[], with: [] as Round[] };
try {
  await publishers.start();
  await pause(5);
  for (let round = 0; round < number("rounds"); round++) {
    rounds.without.push(await measure(null));
    rounds.with.push(await withViewers());
  }
  report();
} finally {
  await publishers.stop();
  await cluster.stop();
}

async function withViewers(): Promise<Round> {
  const url = `ws://127.0.0.1:${http}/coordinates?interval=${options["interval"]}`;
  const script = join(import.meta.dirname, "audience.ts");
  const audience = fork(script, [url, options["viewers"] ?? "", options["stalled"] ?? ""]);
  try {
    await once(audience, "message");
    await pause(3);
    return await measure(async () => {
      audience.send("count");
      const [counts] = await once(audience, "message");
      return counts as { texts: number; closed: number };
    });
  } finally {
    audience.kill();
    await once(audience, "exit");
    await pause(2);
  }
}

async function measure(
  count: (() => Promise<{ texts: number; closed: number }>) | null,
): Promise<Round> {
  const before = (await count?.())?.texts ?? 0;
  publishers.take();
  const cpuBefore = cpuSeconds([pid]);
  await pause(seconds);
  const cpu = cpuSeconds([pid]) - cpuBefore;
  const { latenciesMs, failed } = publishers.take();
  const counts = await count?.();
  const round: Round = {
    p50Ms: percentileOfSorted(latenciesMs, 0.5),
    p99Ms: percentileOfSorted(latenciesMs, 0.99),
    cpuMicros: (cpu * 1e6) / latenciesMs.length,
    rssMiB: residentMiB(pid),
    texts: (counts?.texts ?? 0) - before,
    failed,
    closed: counts?.closed ?? 0,
  };
  console.log(line(count === null ? "without" : "with viewers", round));
  return round;
}

function residentMiB(of: number): number {
  const [, kibibytes = "NaN"] =
    /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${of}/status`, "latin1")) ?? [];
  return Number(kibibytes) / 1024;
}

function report(): void {
  const machine = `${cpus().length} x ${cpus()[0]?.model}, Node ${process.versions.node}`;
  const load = loadavg()[0]?.toFixed(1);
  console.log(
    `\nMedians of ${options["rounds"]} rounds of ${seconds} s: ${options["rate"]} updates/s of ${options["devices"]} devices at QoS 1; ${options["viewers"]} viewers that read and ${options["stalled"]} that do not, a text each ${options["interval"]} ms; ${machine}, load ${load}`,
  );
  for (const [name, all] of Object.entries(rounds)) {
    const middle = (field: keyof Round): number => median(all.map((round) => round[field]));
    console.log(
      line(name, {
        ...{ p50Ms: middle("p50Ms"), p99Ms: middle("p99Ms"), cpuMicros: middle("cpuMicros") },
        ...{ rssMiB: middle("rssMiB"), texts: middle("texts") },
        ...{ failed: middle("failed"), closed: middle("closed") },
      }),
    );
  }
}

function line(name: string, round: Round): string {
  const { p50Ms, p99Ms, cpuMicros, rssMiB, texts, failed, closed } = round;
  return [
    name.padEnd(14),
    `ack p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`,
    `CPU ${cpuMicros.toFixed(0)} us per message`,
    `RSS ${rssMiB.toFixed(0)} MiB`,
    `${texts} texts read, ${failed} not acknowledged, ${closed} viewers lost`,
  ].join("  ");
}

function pause(forSeconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, forSeconds * 1000));
}
