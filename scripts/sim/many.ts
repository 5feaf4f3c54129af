/** Many schedules, one after the other: `npm run sim:many -- --schedules N`. */
import { Command } from "commander";
import { runSchedule } from "../../test/sim/schedule.ts";
import { replayCommand } from "./report.ts";

const program = new Command("sim:many")
  .description(
    "Runs seeds in a row, some of them twice to compare their trace hashes. Exit 1 at the first promise that is broken.",
  )
  .option("--schedules <count>", "seeds to run", "200")
  .option("--seconds <count>", "simulated seconds of faults in each", "60")
  .option("--first <seed>", "the first seed", "1")
  .option("--twice <count>", "seeds that are run twice, evenly spread", "100")
  .option("--keep-going", "go on after a failure")
  .option("--json", "print the outcome as JSON only")
  .parse();
const options = program.opts<{
  schedules: string;
  seconds: string;
  first: string;
  twice: string;
  keepGoing?: boolean;
  json?: boolean;
}>();

const [schedules, seconds, first, twice] = [
  Number(options.schedules),
  Number(options.seconds),
  Number(options.first),
  Math.min(Number(options.twice), Number(options.schedules)),
];
const sums = { faults: 0, commits: 0, leaders: 0, acknowledged: 0, reads: 0, snapshots: 0 };
let [simulatedMs, events, done, compared] = [0, 0, 0, 0];
const failures: { seed: number; after: number; message: string }[] = [];
const startedMs = performance.now();
const say = (text: string): void => {
  if (options.json !== true) console.log(text);
};

for (let seed = first; seed < first + schedules; seed++) {
  const result = await runSchedule({ seed, seconds });
  done++;
  simulatedMs += result.simulatedMs;
  events += result.events;
  sums.faults += result.faults.length;
  sums.commits += result.commits;
  sums.leaders += result.leaders;
  sums.acknowledged += result.acknowledged;
  sums.reads += result.reads;
  sums.snapshots += result.snapshots;
  let message = result.violation?.message ?? null;
  if (message === null && Math.floor((done * twice) / schedules) > compared) {
    compared++;
    const { traceHash, simulatedMs: again } = await runSchedule({ seed, seconds });
    simulatedMs += again;
    if (traceHash !== result.traceHash) {
      message = `determinism: trace ${result.traceHash}, the second time ${traceHash}`;
    }
  }
  if (message !== null) {
    failures.push({ seed, after: done, message });
    say(`seed ${seed}: ${message}\nreplay: ${replayCommand(result, seconds)}`);
    if (options.keepGoing !== true) break;
  }
  if (done % 100 === 0) say(`${done} schedules, ${failures.length} failures`);
}

const elapsedMs = performance.now() - startedMs;
const cpu = process.cpuUsage();
/** By processor time: the machine may have other work. */
const timesRealTime = Math.round((simulatedMs * 1000) / (cpu.user + cpu.system));
const outcome = { schedules: done, comparedTwice: compared, events, ...sums, timesRealTime };
console.log(JSON.stringify({ ...outcome, seconds: Math.round(elapsedMs / 1000), failures }));
process.exit(failures.length > 0 ? 1 : 0);
