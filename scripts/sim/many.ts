/** Many schedules, on all cores: `npm run sim:many -- --schedules N`. */
import { availableParallelism } from "node:os";
import { Command } from "commander";
import { replayCommand } from "./report.ts";
import { SeedQueue } from "./seed-queue.ts";
import { type Failure, Tally } from "./tally.ts";
import { runWorkers } from "./workers.ts";

const program = new Command("sim:many")
  .description(
    "Runs seeds in a row, some of them twice to compare their trace hashes. Exit 1 when a promise is broken. Speed is simulated time by processor time, all threads counted.",
  )
  .option("--schedules <count>", "seeds to run", "200")
  .option("--from <seed>", "the first seed, so that a long run can be cut into parts", "1")
  .option("--seconds <count>", "simulated seconds of faults in each; healing comes on top", "60")
  .option("--twice <count>", "seeds that are run twice, evenly spread", "100")
  .option("--workers <count>", "processes at once", String(availableParallelism()))
  .option("--keep-going", "go on after a failure")
  .option("--json", "print the outcome as JSON only")
  .parse();
const options = program.opts<{
  schedules: string;
  from: string;
  seconds: string;
  twice: string;
  workers: string;
  keepGoing?: boolean;
  json?: boolean;
}>();

const progressEveryMs = 10_000;
const seconds = count("seconds");
const queue = new SeedQueue(count("from"), count("schedules"), count("twice"));
const tally = new Tally();
const startedMs = performance.now();
const say = (text: string): void => {
  if (options.json !== true) console.log(text);
};

const progress = setInterval(() => say(progressLine()), progressEveryMs);
await runWorkers({
  count: count("workers"),
  seconds,
  nextTask: () => queue.take(),
  onDone: (report) => failed(tally.add(report)),
  onLost: ({ seed }, reason) => failed(tally.lost(seed, reason)),
});
clearInterval(progress);

const outcome = { ...tally.outcome(), seconds: Math.round(elapsedSeconds()) };
if (options.json === true) console.log(JSON.stringify(outcome));
else {
  const { failures, ...figures } = outcome;
  console.log(JSON.stringify(figures));
  const { schedules, comparedTwice, timesRealTime, timesRealTimeMedian } = figures;
  console.log(
    `${schedules} schedules, ${comparedTwice} of them twice: ${failures.length} failures; ` +
      `${timesRealTime} times real time per processor second, ${timesRealTimeMedian} in the median`,
  );
}
process.exit(outcome.failures.length > 0 ? 1 : 0);

function failed(failure: Failure | null): void {
  if (failure === null) return;
  say(`seed ${failure.seed}: ${failure.message}\nreplay: ${replayCommand(failure, seconds)}`);
  if (options.keepGoing !== true) queue.close();
}

function progressLine(): string {
  const { schedules, timesRealTime, failures } = tally.outcome();
  const leftSeconds = schedules === 0 ? 0 : (elapsedSeconds() / schedules) * queue.left;
  return (
    `${schedules} of ${queue.size} schedules, ${failures.length} failures, ` +
    `${timesRealTime} times real time, about ${Math.round(leftSeconds)} s left`
  );
}

function elapsedSeconds(): number {
  return (performance.now() - startedMs) / 1000;
}

function count(name: "schedules" | "from" | "seconds" | "twice" | "workers"): number {
  const value = Number(options[name]);
  const min = name === "twice" ? 0 : 1;
  if (Number.isSafeInteger(value) && value >= min) return value;
  return program.error(`--${name} takes a whole number of at least ${min}, not ${options[name]}`);
}
