/** What one client at full speed does to the others: `npm run bench:flood -- --help`. */
import { writeFileSync } from "node:fs";
import { Command } from "commander";
import { type Broker, startFlockMq } from "./brokers.ts";
import type { LoadResult } from "./load/job.ts";
import { delayQuantileMs } from "./load/loop-delay.ts";
import { complaintOf, sumIntegrity } from "./load/stream-checker.ts";
import { flockMqVersion, machine } from "./machine.ts";
import { measureOnce } from "./rounds.ts";
import { median } from "./statistics.ts";
import { markdown } from "./table.ts";
import { plainLoad, type Workload } from "./workloads.ts";

const program = new Command("bench:flood")
  .description(
    "50 pairs of clients, 20 messages a second each at QoS 1, alone and beside one client that publishes as fast as it can at QoS 0 to one subscriber, in alternating rounds: the others' latency, and the delay of the event loop. Aim: their p99 stays below twice what it is alone. Exit 1 when a message was lost. Needs `npm run build` before.",
  )
  .option("--rounds <count>", "pairs of runs", "5")
  .option("--seconds <count>", "measured in each run", "4")
  .option("--warmup <seconds>", "before, in each run", "1.5")
  .option("--json <file>", "write the result there")
  .parse();
const given = program.opts<{ rounds: string; seconds: string; warmup: string; json?: string }>();
const positive = (name: "rounds" | "seconds" | "warmup"): number => {
  if (!(Number(given[name]) > 0)) program.error(`--${name} takes a number above 0`);
  return Number(given[name]);
};
const rounds = positive("rounds");
const timing = { rounds, seconds: positive("seconds"), warmupMs: positive("warmup") * 1000 };
const aim = 2;

const workload = (name: string, job: Workload["job"]): Workload => ({
  ...{ number: null, title: name, compared: "rate", aim: null, p99AimMs: null, warmupMsMin: 0 },
  ...{ name, job, isSpread: false },
});
const others = workload("others", {
  ...plainLoad,
  ...{ publishers: 50, subscribers: 50, qos: 1, rate: 20, pacing: "timer" },
});
/** So far ahead of its subscriber that the broker always finds its socket full; it takes what the others' generator leaves. */
const flood = workload("flood", { ...plainLoad, outstandingMax: 20_000, niceness: 19 });
const floodLeadMs = 1000;

interface Round {
  readonly alone: LoadResult;
  readonly beside: LoadResult;
  readonly flood: LoadResult;
}

const broker = await startFlockMq(1, flockMqVersion());
try {
  const all: Round[] = [];
  for (let round = 0; round < rounds; round++)
    all.push(await measureRound(broker, round % 2 === 0));
  report(all);
} finally {
  await broker.stop();
}
process.exit();

async function measureRound(target: Broker, isAloneFirst: boolean): Promise<Round> {
  const contender = { name: target.name, broker: target, variant: {} };
  const measureAlone = (): Promise<LoadResult> => measureOnce(others, contender, timing);
  const first = isAloneFirst ? await measureAlone() : null;
  const warmupMs = timing.warmupMs + floodLeadMs;
  const flooding = measureOnce(flood, contender, { ...timing, warmupMs });
  await new Promise((resolve) => setTimeout(resolve, floodLeadMs));
  const beside = await measureAlone();
  const flooded = await flooding;
  return { alone: first ?? (await measureAlone()), beside, flood: flooded };
}

function report(all: readonly Round[]): void {
  const of = (kind: keyof Round, value: (result: LoadResult) => number): number =>
    median(all.map((round) => value(round[kind])));
  const p50 = ({ deliveredMs }: LoadResult): number => deliveredMs?.p50 ?? Number.NaN;
  const p99 = ({ deliveredMs }: LoadResult): number => deliveredMs?.p99 ?? Number.NaN;
  const loop = ({ loopDelay }: LoadResult): number =>
    loopDelay === null ? Number.NaN : delayQuantileMs(loopDelay, 0.99);
  const row = (title: string, kind: "alone" | "beside"): readonly string[] => [
    title,
    ...[p50, p99, loop].map((value) => of(kind, value).toFixed(2)),
  ];
  const headings = ["the others", "delivery p50 ms", "p99 ms", "loop p99 ms"];
  const rows = [row("alone", "alone"), row("beside a flood", "beside")];
  for (const line of markdown(headings, rows, 1)) console.log(line);
  const ratio = median(all.map(({ alone, beside }) => p99(beside) / p99(alone)));
  const floodRate = Math.round(of("flood", ({ messagesPerSecond }) => messagesPerSecond));
  const verdict = ratio < aim ? "reached" : "missed";
  console.log(`flood: ${floodRate.toLocaleString("en-US")} messages/s`);
  console.log(`p99 round by round: ${ratio.toFixed(2)} x, aim below ${aim}: ${verdict}`);
  const integrity = sumIntegrity(
    all.flatMap((round) => Object.values(round).map((result: LoadResult) => result.integrity)),
  );
  const complaint = complaintOf(integrity);
  if (complaint !== null) {
    console.log(complaint);
    process.exitCode = 1;
  }
  if (given.json !== undefined) {
    const result = { machine: machine(), timing, ratio, floodRate, integrity, rounds: all };
    writeFileSync(given.json, `${JSON.stringify(result, null, 2)}\n`);
  }
}
