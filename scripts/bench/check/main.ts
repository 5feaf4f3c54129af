/** Whether the current build takes more CPU time for a message than another revision: `npm run bench:check -- --help`. */
import { writeFileSync } from "node:fs";
import { Command } from "commander";
import { type Broker, startFlockMq } from "../brokers.ts";
import { flockMqVersion, machine } from "../machine.ts";
import { measureOnce } from "../rounds.ts";
import { markdown } from "../table.ts";
import { chooseWorkloads, type Workload } from "../workloads.ts";
import { type Build, buildRevision } from "./build.ts";
import { judge, type Verdict } from "./regression.ts";

const roundsMin = 3;

const program = new Command("bench:check")
  .description(
    "CPU time per message of the current build and of another revision, which is checked out and built in a temporary directory. New nodes in each round, the two in turn. Exit 1 when the current build takes more in some workload, beyond what the spread of the rounds explains and beyond 3 %. Needs `npm run build` before.",
  )
  .option("--base <revision>", "to compare with", "HEAD~1")
  .option("--only <list>", "workloads", "W1,W2,W3,W4,W6")
  .option("--rounds <count>", "of both builds", "7")
  .option("--seconds <count>", "measured in each run", "2")
  .option("--warmup <seconds>", "before, in each run", "1")
  .option("--json <file>", "write the result there")
  .parse();
const given = program.opts<Record<"base" | "only" | "rounds" | "seconds" | "warmup", string>>();
const json: string | undefined = program.opts()["json"];
const positive = (name: "rounds" | "seconds" | "warmup"): number => {
  if (!(Number(given[name]) > 0)) program.error(`--${name} takes a number above 0`);
  return Number(given[name]);
};
const rounds = positive("rounds");
if (rounds < roundsMin)
  program.error(`--rounds takes at least ${roundsMin}: the bound is their spread`);
const timing = { seconds: positive("seconds"), warmupMs: positive("warmup") * 1000 };
const workloads = choose();
/** By workload, one ratio for each round. */
const ratios = new Map<Workload, number[]>(workloads.map((workload) => [workload, []]));

const base = build();
try {
  console.error(`against ${base.subject}`);
  for (let round = 0; round < rounds; round++) await measureRound(round);
} finally {
  base.remove();
}
report();
process.exit();

function choose(): readonly Workload[] {
  try {
    return chooseWorkloads(given.only, false);
  } catch (error) {
    return program.error((error as Error).message);
  }
}

function build(): Build {
  try {
    return buildRevision(given.base);
  } catch (error) {
    return program.error((error as Error).message);
  }
}

/** New nodes, because how a process was compiled stays with it as long as it lives. */
async function measureRound(round: number): Promise<void> {
  await withNode({}, (current) =>
    withNode({ entry: base.entry }, async (other) => {
      for (const workload of workloads) await compare(workload, current, other, round);
    }),
  );
}

async function withNode(
  options: { readonly entry?: string },
  work: (broker: Broker) => Promise<void>,
): Promise<void> {
  const broker = await startFlockMq(1, flockMqVersion(), options);
  try {
    await work(broker);
  } finally {
    await broker.stop();
  }
}

async function compare(
  workload: Workload,
  current: Broker,
  other: Broker,
  round: number,
): Promise<void> {
  const micros = async (broker: Broker): Promise<number> => {
    const contender = { name: broker.name, broker, variant: {} };
    return (await measureOnce(workload, contender, timing)).cpuMicrosPerMessage;
  };
  const isCurrentFirst = round % 2 === 0;
  const first = await micros(isCurrentFirst ? current : other);
  const second = await micros(isCurrentFirst ? other : current);
  const ratio = isCurrentFirst ? first / second : second / first;
  ratios.get(workload)!.push(ratio);
  console.error(`round ${round + 1}  ${workload.name.padEnd(16)} ${ratio.toFixed(3)} x`);
}

function report(): void {
  const verdicts = [...ratios].map(([workload, all]) => ({ workload, ...judge(all) }));
  const word = ({ isWorse }: Verdict): string => (isWorse ? "worse" : "as before or better");
  const rows = verdicts.map((verdict) => [
    verdict.workload.title,
    word(verdict),
    verdict.ratio.toFixed(3),
    verdict.bound.toFixed(3),
  ]);
  const headings = ["work", "verdict", "CPU time per message, x before", "bound"];
  for (const line of markdown(headings, rows, 2)) console.log(line);
  if (json !== undefined) {
    const results = verdicts.map(({ workload, ...verdict }) => ({
      ...{ workload: workload.name, ...verdict },
      ratios: ratios.get(workload),
    }));
    const result = { machine: machine(), base: base.revision, rounds, ...timing, results };
    writeFileSync(json, `${JSON.stringify(result, null, 2)}\n`);
  }
  if (verdicts.some(({ isWorse }) => isWorse)) process.exitCode = 1;
}
