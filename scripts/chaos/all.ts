import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seededRandom } from "../support/random.ts";
import { diskNemeses } from "./disk-nemeses.ts";
import { Flock, pause } from "./flock.ts";
import type { Nemesis } from "./harm.ts";
import type { Namespaces } from "./namespaces.ts";
import { networkNemeses } from "./network-nemeses.ts";
import { buildRecorder } from "./power-loss/power-loss.ts";
import { processNemeses } from "./process-nemeses.ts";
import { Registers } from "./registers.ts";
import { Schedule } from "./schedule.ts";
import { tableOf } from "./scoreboard.ts";
import { Strikes } from "./strikes.ts";
import { describeLost, describeVerdicts } from "./verdicts.ts";

const syncTimeoutMs = 90_000;
const restMs = 1500;
const nemeses: readonly Nemesis[] = [...processNemeses, ...networkNemeses, ...diskNemeses];

export interface AllOptions {
  readonly minutes: number;
  readonly nodes: number;
  readonly seed: number;
  /** Each nemesis that this machine can do must run so often, or the run counts as failed. */
  readonly runsMin: number;
  /** Only nemeses with this in their name. */
  readonly only: string;
}

export interface AllResult {
  readonly seed: number;
  readonly minutes: number;
  readonly nodes: number;
  readonly runs: Readonly<Record<string, number>>;
  /** Why this machine cannot do it. */
  readonly notRun: Readonly<Record<string, string>>;
  readonly ranTooSeldom: readonly string[];
  readonly keys: number;
  readonly acknowledged: number;
  readonly unknown: number;
  readonly reads: number;
  readonly lostWrites: number;
  readonly violations: readonly string[];
  readonly sameDigestEverywhere: boolean;
}

/** Every kind of harm in turn, in an order of its own each time round, to a flock under load. */
export async function runAll(
  options: AllOptions,
  network: Namespaces | null,
  say: (text: string) => void,
): Promise<AllResult> {
  const wanted = nemeses.filter(({ name }) => name.includes(options.only));
  if (wanted.length === 0) {
    const names = nemeses.map(({ name }) => name).join("\n  ");
    throw new Error(`no nemesis has "${options.only}" in its name; there are:\n  ${names}`);
  }
  const startMs = performance.now();
  const random = seededRandom(options.seed);
  const directory = await mkdtemp(join(tmpdir(), "flockmq-recorder-"));
  const recorder = await buildRecorder(directory).catch(() => null);
  const hasSmallDisk = network !== null;
  const flock = await Flock.start({ nodes: options.nodes, network, recorder, hasSmallDisk });
  const end = (): void => void flock.stop().finally(() => process.exit(130));
  process.once("SIGINT", end).once("SIGTERM", end);
  let isWell = false;
  try {
    await flock.whenInSync(syncTimeoutMs);
    const registers = new Registers({ workers: 10, pauseMs: 40 }, () => flock.endpoints(), random);
    const { possible, notRun } = possibleOf(wanted, flock);
    const schedule = new Schedule(
      possible.map(({ name }) => name),
      { startMs, endMs: startMs + options.minutes * 60_000, runsMin: options.runsMin, random },
    );
    const strikes = new Strikes({ flock, load: registers, random, syncTimeoutMs, restMs }, say);
    registers.start();
    await pause(restMs);
    const problems = await strikes.run(possible, schedule);
    await registers.stop();
    const check = await finalCheck(flock, registers);
    const names = wanted.map(({ name }) => name);
    for (const line of tableOf(names, strikes.scores, notRun)) say(line);
    const violations = [...problems, ...check.violations];
    isWell = violations.length === 0 && check.sameDigestEverywhere;
    return {
      seed: options.seed,
      minutes: options.minutes,
      nodes: options.nodes,
      runs: Object.fromEntries(names.map((name) => [name, schedule.runsOf(name)])),
      notRun: Object.fromEntries(notRun),
      ranTooSeldom: schedule.due,
      ...registers.counts,
      ...check,
      violations,
    };
  } finally {
    await flock.stop(!isWell);
    await rm(directory, { recursive: true, force: true });
  }
}

function possibleOf(wanted: readonly Nemesis[], flock: Flock) {
  const notRun = new Map<string, string>();
  for (const { name, obstacle } of wanted) {
    const problem = obstacle(flock);
    if (problem !== null) notRun.set(name, problem);
  }
  return { possible: wanted.filter(({ name }) => !notRun.has(name)), notRun };
}

/** What clients saw is judged in any case, also when the replicas do not come to agree. */
async function finalCheck(flock: Flock, registers: Registers) {
  const failures: string[] = [];
  let sameDigestEverywhere = false;
  try {
    const status = await flock.whenInSync(syncTimeoutMs);
    sameDigestEverywhere = new Set(status.nodes.map(({ digest }) => digest)).size === 1;
    await registers.readBack();
  } catch (error) {
    failures.push((error as Error).message);
  }
  const lost = registers.lostWrites();
  const verdicts = describeVerdicts(registers.verdicts());
  const violations = [...failures, ...describeLost(lost), ...verdicts];
  return { lostWrites: lost.length, sameDigestEverywhere, violations };
}

/** The answer in one line, for a person. */
export function summaryOf(result: AllResult, runsMin: number): string {
  const { runs, notRun, acknowledged, lostWrites, violations } = result;
  const all = Object.keys(runs).length;
  const possible = all - Object.keys(notRun).length;
  const least = Math.max(1, runsMin);
  const enough = Object.values(runs).filter((count) => count >= least).length;
  const often = `${enough} of ${all} nemeses ran at least ${least === 1 ? "once" : `${least} times`}`;
  const cannot = possible === all ? "" : ` (${all - possible} cannot run here)`;
  const writes = `${lostWrites} of ${acknowledged} acknowledged writes lost`;
  const order = `${violations.length} violations`;
  const equal = `the replicas are ${result.sameDigestEverywhere ? "equal" : "NOT equal"}`;
  return `${often}${cannot}; ${writes}; ${order}; ${equal}`;
}
