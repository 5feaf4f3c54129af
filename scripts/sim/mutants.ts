/** Puts known bugs back, one at a time, and lets the simulator find them: `npm run sim:mutants`. */
import { spawn } from "node:child_process";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import type { Mutant } from "../../test/sim/mutants/mutant.ts";
import { mutants, mutate } from "../../test/sim/mutants/mutants.ts";

const program = new Command("sim:mutants")
  .description(
    "Each mutant is a change of text in a copy of the tree. It is caught when a schedule of the simulator breaks a promise, or, where the table names them, when unit tests or golden scripts fail. Exit 1 when one is not.",
  )
  .option("--schedules <count>", "schedules that each mutant may take", "2000")
  .option("--seconds <count>", "simulated seconds of faults in each", "10")
  .option("--only <text>", "mutants whose name contains this")
  .option("--minutes <count>", "for the simulator, per mutant; 0 for no bound", "0")
  .parse();
const options = program.opts<{
  schedules: string;
  seconds: string;
  only?: string;
  minutes: string;
}>();

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

const root = join(import.meta.dirname, "../..");
const copied = ["cluster", "src", "scripts", "test", "package.json", "tsconfig.base.json"];
const testTimeoutMs = 180_000;
const simulator = ["--conditions=flockmq-source"];

const tree = await mkdtemp(join(tmpdir(), "flockmq-mutants-"));
let missed = 0;
try {
  for (const path of [...copied, "vitest.config.ts"]) {
    await cp(join(root, path), join(tree, path), { recursive: true });
  }
  await symlink(join(root, "node_modules"), join(tree, "node_modules"));
  const chosen = mutants.filter(({ name }) => name.includes(options.only ?? ""));
  for (const mutant of chosen) {
    const { what, seed } = await withMutant(mutant, () => hunt(mutant));
    const isCaught = what !== null && (seed === null || (await passesWithout(seed)));
    if (!isCaught) missed++;
    console.log(`${isCaught ? "caught" : "MISSED"} | ${mutant.name} | ${what ?? "-"}`);
  }
  console.log(`${chosen.length - missed} of ${chosen.length} caught`);
} finally {
  await rm(tree, { recursive: true, force: true });
}
process.exit(missed > 0 ? 1 : 0);

async function withMutant<T>(mutant: Mutant, run: () => Promise<T>): Promise<T> {
  const path = join(tree, mutant.file);
  const source = await readFile(path, "utf8");
  await writeFile(path, mutate(source, mutant));
  try {
    return await run();
  } finally {
    await writeFile(path, source);
  }
}

/** A seed that fails in the clean tree as well proves nothing about a mutant. */
async function passesWithout(seed: number): Promise<boolean> {
  const args = ["--seed", String(seed), "--seconds", options.seconds];
  const { code } = await execute([...simulator, "scripts/sim/main.ts", ...args], testTimeoutMs);
  return code === 0;
}

interface Catch {
  /** What caught it, and after how much; null when nothing did. */
  readonly what: string | null;
  readonly seed: number | null;
}

async function hunt(mutant: Mutant): Promise<Catch> {
  if (mutant.tests !== undefined) {
    const vitest = join("node_modules", "vitest", "vitest.mjs");
    const { code, output } = await execute([vitest, "run", ...mutant.tests], testTimeoutMs);
    const failed = /Tests\s+(\d+) failed/.exec(output)?.[1] ?? "some";
    if (code !== 0) {
      return { what: `tests: ${failed} failed in ${mutant.tests.join(", ")}`, seed: null };
    }
  }
  const bounds = ["--schedules", options.schedules, "--seconds", options.seconds];
  const { code, output } = await execute(
    [...simulator, "scripts/sim/many.ts", ...bounds, "--twice", "0", "--json"],
    Number(options.minutes) * 60_000,
  );
  const line = output.split("\n").find((text) => text.startsWith("{"));
  if (code === 0 || code === null) return { what: null, seed: null };
  if (line === undefined) return { what: `ended at once: ${output.slice(-200)}`, seed: null };
  const { failures } = JSON.parse(line) as {
    failures: { seed: number; after: number; message: string }[];
  };
  const [failure] = failures;
  if (failure === undefined) return { what: null, seed: null };
  const message = failure.message.split("\n")[0]?.slice(0, 100);
  return { what: `schedule ${failure.after}: ${message}`, seed: failure.seed };
}

/** Runs a Node program in the copy; `code` is null when its time was up. */
function execute(args: readonly string[], timeoutMs: number): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: tree,
      env: { ...process.env, NO_COLOR: "1" },
      timeout: timeoutMs,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const parts: Buffer[] = [];
    child.stdout.on("data", (part: Buffer) => parts.push(part));
    child.stderr.on("data", (part: Buffer) => parts.push(part));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output: Buffer.concat(parts).toString("utf8") }));
  });
}
