/** One schedule of the simulator, or a failing one made small: `npm run sim -- --seed N --seconds S`. */
import { Command } from "commander";
import { runSchedule } from "../../test/sim/schedule.ts";
import { shrink } from "../../test/sim/shrink.ts";
import { replayCommand } from "./report.ts";

const program = new Command("sim")
  .description(
    "Whole nodes on one seeded clock, network and disk: faults, then healing, with every promise checked on the way. Exit 1 when one is broken.",
  )
  .option("--seed <number>", "everything follows from it", "1")
  .option("--seconds <count>", "simulated seconds of faults; healing comes on top", "60")
  .option("--faults <numbers>", "only these faults of the seed, by number, as in 2,5,7")
  .option("--shrink", "leave out faults while it still fails")
  .option("--verbose", "print what the nodes log")
  .parse();
const options = program.opts<{
  seed: string;
  seconds: string;
  faults?: string;
  shrink?: boolean;
  verbose?: boolean;
}>();

const seed = Number(options.seed);
const seconds = Number(options.seconds);
let faults = options.faults === undefined ? null : options.faults.split(",").map(Number);
if (options.shrink === true) {
  faults = (await shrink({ seed, seconds, faults }, console.error)) ?? faults;
}
const say = options.verbose === true ? { say: (text: string) => console.log(text) } : {};
const started = performance.now();
const result = await runSchedule({ seed, seconds, faults, ...say });
const elapsedMs = performance.now() - started;
const { violation, ...figures } = result;
console.log(
  JSON.stringify({ ...figures, timesRealTime: Math.round(result.simulatedMs / elapsedMs) }),
);
if (violation !== null) {
  console.error(`${violation.message}\nreplay: ${replayCommand(result, seconds)}`);
  process.exit(1);
}
