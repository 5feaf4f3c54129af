/** Puts known bugs back, one at a time, and lets the simulator find them: `npm run sim:mutants`. */
import { rmSync } from "node:fs";
import { appendFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Command } from "commander";
import { mutants } from "../../test/sim/mutants/mutants.ts";
import { type Catch, Hunting } from "./mutants/hunting.ts";
import { SourceTree } from "./mutants/tree.ts";

const program = new Command("sim:mutants")
  .description(
    "Each mutant is a change of text in a copy of the tree. It is caught when a schedule of the simulator breaks a promise, or else, where the table names them, when unit tests or golden scripts fail; a seed or a test that fails without it does not count. Exit 1 when one is not caught.",
  )
  .option("--schedules <count>", "schedules that each mutant may take", "2000")
  .option(
    "--schedules-before-tests <count>",
    "those of a mutant with named tests; only when they find nothing the tests are run",
    "20",
  )
  .option("--seconds <count>", "simulated seconds of faults in each", "10")
  .option("--catches <count>", "catches by schedules whose median is told", "1")
  .option("--no-hints", "start at the first seed, not at one that caught the mutant before")
  .option("--write-hints", "keep the seeds that caught a mutant for the next run")
  .option("--only <text>", "mutants whose name contains this")
  .option("--from <number>", "the first mutant, by its number in the table", "1")
  .option("--until <number>", "the last one")
  .option("--record <file>", "remembers what was caught, so that a run can go on later")
  .option("--workers <count>", "mutants at once", "2")
  .option("--minutes <count>", "for the simulator, per mutant; 0 for no bound", "0")
  .option(
    "--schedules-only",
    "only mutants with named tests, and without those: what would schedules find?",
  )
  .parse();
const options = program.opts<{
  schedules: string;
  schedulesBeforeTests: string;
  seconds: string;
  catches: string;
  only?: string;
  from: string;
  until?: string;
  record?: string;
  workers: string;
  minutes: string;
  hints: boolean;
  writeHints?: boolean;
}>();
/** By the name of the mutant. */
type Hints = Record<string, number>;
const hintsFile = join(import.meta.dirname, "../../test/sim/mutants/hints.json");
const hints = JSON.parse(await readFile(hintsFile, "utf8")) as Hints;

interface Outcome {
  readonly name: string;
  /** The bug itself: the table may change between two parts of a run. */
  readonly bug: string;
  /** Of the sources that it was caught in. */
  readonly tree: string;
  readonly caught: Catch | null;
}

const chosen = [...mutants.entries()]
  .map(([at, mutant]) => ({ number: at + 1, mutant }))
  .filter(({ number }) => number >= Number(options.from))
  .filter(({ number }) => number <= Number(options.until ?? mutants.length))
  .filter(({ mutant }) => mutant.name.includes(options.only ?? ""));
const clean = await SourceTree.copyOf();
const trees = [clean];
const outcomes: Outcome[] = [];
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    for (const { path } of trees) rmSync(path, { recursive: true, force: true });
    process.exit(1);
  });
}
try {
  const tree = await clean.hash();
  console.log(`sources ${tree}`);
  const known = await recorded(tree);
  const hunting = new Hunting(clean, {
    schedules: Number(options.schedules),
    seconds: Number(options.seconds),
    catches: Number(options.catches),
    minutes: Number(options.minutes),
    schedulesBeforeTests: Number(options.schedulesBeforeTests),
    hints: options.hints ? hints : {},
  });
  const open = [...chosen];
  const work = async (): Promise<void> => {
    const copy = await SourceTree.copyOf(clean.path);
    trees.push(copy);
    for (let next = open.shift(); next !== undefined; next = open.shift()) {
      const { number, mutant } = next;
      const { name } = mutant;
      const bug = `${mutant.find} -> ${mutant.replace}`;
      const before = known.get(bug);
      const caught =
        before?.caught ?? (await copy.withMutant(mutant, () => hunting.hunt(mutant, copy)));
      const outcome = { name, bug, tree, caught };
      outcomes.push(outcome);
      console.log(
        `${number} | ${caught === null ? "MISSED" : "caught"} | ${name} | ${say(caught)}`,
      );
      if (options.record !== undefined && before === undefined) {
        await appendFile(options.record, `${JSON.stringify(outcome)}\n`);
      }
    }
  };
  await Promise.all(Array.from({ length: Number(options.workers) }, work));
} finally {
  for (const tree of trees) await tree.remove();
}
const caught = outcomes.filter((outcome) => outcome.caught !== null);
const bySchedules = caught.filter((outcome) => outcome.caught?.by === "schedules");
if (options.writeHints === true) await writeHints();
console.log(`${caught.length} of ${outcomes.length} caught, ${bySchedules.length} by schedules`);
process.exit(caught.length === outcomes.length ? 0 : 1);

/** A mutant that is gone from the table needs none. */
async function writeHints(): Promise<void> {
  const found = outcomes.flatMap(({ name, caught }) =>
    caught?.by === "schedules" ? [[name, caught.seed] as const] : [],
  );
  const all: Hints = { ...hints, ...Object.fromEntries(found) };
  const kept = mutants.flatMap(({ name }) => (name in all ? [[name, all[name]]] : []));
  await writeFile(hintsFile, `${JSON.stringify(Object.fromEntries(kept), null, 2)}\n`);
}

/** What an earlier part of this run found in the very same sources. */
async function recorded(tree: string): Promise<Map<string, Outcome>> {
  const text =
    options.record === undefined
      ? ""
      : await readFile(options.record, "utf8").catch((error: NodeJS.ErrnoException) => {
          if (error.code === "ENOENT") return "";
          throw error;
        });
  const lines = text.split("\n").filter((line) => line !== "");
  const all = lines.map((line) => JSON.parse(line) as Outcome);
  return new Map(
    all.filter((one) => one.tree === tree && one.caught !== null).map((one) => [one.bug, one]),
  );
}

function say(caught: Catch | null): string {
  if (caught === null) return "-";
  if (caught.by === "tests") return `tests | ${caught.failed} failed in ${caught.tests.join(", ")}`;
  const { schedules, seed, isHinted, medianSimulatedMs, catches, message } = caught;
  const order = isHinted ? "tried first" : "in order";
  const median = `median ${Math.round(medianSimulatedMs / 1000)} s simulated of ${catches}`;
  return `schedule ${schedules} (seed ${seed}, ${order}) | ${median} | ${message.split("\n")[0]?.slice(0, 100)}`;
}
