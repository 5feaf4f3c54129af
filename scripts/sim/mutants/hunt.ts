/** Runs seeds in a row in the tree it stands in, a line of JSON for each; the runner of the mutants reads them. */
import { Command } from "commander";
import { planOf } from "../../../test/sim/plan.ts";
import { runSchedule } from "../../../test/sim/schedule.ts";
import type { HuntLine } from "./hunting.ts";

const program = new Command("hunt")
  .option("--first <seed>", "the first seed", "1")
  .option("--hint <seed>", "a seed to run before all others")
  .option("--schedules <count>", "seeds to run", "1")
  .option("--seconds <count>", "simulated seconds of faults in each", "10")
  .option("--catches <count>", "ends after so many broken promises", "1")
  .option("--after-catch <count>", "and after so many schedules since the first", "0")
  .option("--with <kinds>", "only seeds whose plan has all of these kinds of faults", "")
  .parse();
const options = program.opts<{
  first: string;
  hint?: string;
  schedules: string;
  seconds: string;
  catches: string;
  afterCatch: string;
  with: string;
}>();
const [seconds, schedules, catches, afterCatch] = [
  Number(options.seconds),
  Number(options.schedules),
  Number(options.catches),
  Number(options.afterCatch),
];
const wanted = options.with.split(",").filter((kind) => kind !== "");

// Nodes that dial dead ones fail all the time, and a stack costs more than the failure.
Error.stackTraceLimit = 0;

let [caught, sinceCatch, done] = [0, 0, 0];
for (const seed of seeds()) {
  if (done++ >= schedules) break;
  const { violation, simulatedMs } = await runSchedule({ seed, seconds });
  const line: HuntLine = { seed, simulatedMs, message: violation?.message ?? null };
  // Written at once: after a schedule that never ends, its last line says where.
  await new Promise<void>((resolve) => {
    process.stdout.write(`${JSON.stringify(line)}\n`, () => resolve());
  });
  if (caught > 0) sinceCatch++;
  if (violation !== null) caught++;
  if (caught >= catches || (caught > 0 && sinceCatch >= afterCatch)) break;
}
process.exit(0);

function* seeds(): Generator<number> {
  const hint = options.hint === undefined ? null : Number(options.hint);
  if (hint !== null) yield hint;
  for (let seed = Number(options.first); ; seed++) {
    const kinds = new Set<string>(planOf(seed, seconds).faults.map(({ kind }) => kind));
    if (seed !== hint && wanted.every((kind) => kinds.has(kind))) yield seed;
  }
}
