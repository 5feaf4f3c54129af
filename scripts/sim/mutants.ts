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

const tree = await mkdtemp(join(tmpdir(), "flockmq-mutants-"));
let missed = 0;
try {
  for (const path of [...copied, "vitest.config.ts"]) {
    await cp(join(root, path), join(tree, path), { recursive: true });
  }
  await symlink(join(root, "node_modules"), join(tree, "node_modules"));
  const chosen = mutants.filter(({ name }) => name.includes(options.only ?? ""));
  for (const mutant of chosen) {
    const verdict = await withMutant(mutant, () => hunt(mutant));
    if (verdict === null) missed++;
    console.log(`${verdict === null ? "MISSED" : "caught"} | ${mutant.name} | ${verdict ?? "-"}`);
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

/** What caught it, and after how much; null when nothing did. */
async function hunt(mutant: Mutant): Promise<string | null> {
  if (mutant.tests !== undefined) {
    const vitest = join("node_modules", "vitest", "vitest.mjs");
    const { code, output } = await execute([vitest, "run", ...mutant.tests], testTimeoutMs);
    const failed = /Tests\s+(\d+) failed/.exec(output)?.[1];
    if (code !== 0) return `tests: ${failed ?? "some"} failed in ${mutant.tests.join(", ")}`;
  }
  const schedules = ["--schedules", options.schedules, "--seconds", options.seconds];
  const { code, output } = await execute(
    ["--conditions=flockmq-source", "scripts/sim/many.ts", ...schedules, "--twice", "0", "--json"],
    Number(options.minutes) * 60_000,
  );
  if (code === 0) return null;
  const line = output.split("\n").find((text) => text.startsWith("{"));
  if (line === undefined) return code === null ? null : `ended at once: ${output.slice(-200)}`;
  const [failure] = (JSON.parse(line) as { failures: { after: number; message: string }[] })
    .failures;
  const what = failure?.message.split("\n")[0]?.slice(0, 100);
  return failure === undefined ? null : `schedule ${failure.after}: ${what}`;
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
