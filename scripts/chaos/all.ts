import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seededRandom } from "../support/random.ts";
import { diskNemeses } from "./disk-nemeses.ts";
import { Flock, pause } from "./flock.ts";
import { type Harm, type Nemesis, shuffled } from "./harm.ts";
import { Namespaces } from "./namespaces.ts";
import { networkNemeses } from "./network-nemeses.ts";
import { buildRecorder } from "./power-loss/power-loss.ts";
import { processNemeses } from "./process-nemeses.ts";
import { Registers } from "./registers.ts";
import { describeVerdicts } from "./verdicts.ts";

const syncTimeoutMs = 90_000;
const restMs = 1500;
const nemeses: readonly Nemesis[] = [...processNemeses, ...networkNemeses, ...diskNemeses];

export interface AllOptions {
  readonly minutes: number;
  readonly nodes: number;
  readonly seed: number;
  /** Only nemeses with this in their name. */
  readonly only: string;
}

export interface AllResult {
  readonly seed: number;
  readonly minutes: number;
  readonly nodes: number;
  readonly runs: Readonly<Record<string, number>>;
  readonly notRun: Readonly<Record<string, string>>;
  readonly keys: number;
  readonly acknowledged: number;
  readonly unknown: number;
  readonly reads: number;
  readonly violations: readonly string[];
  readonly sameDigestEverywhere: boolean;
}

/**
 * Makes namespaces, one more than nodes, and runs this same command line again in the last of them, from where all nodes can
 * be reached whatever is cut between them; null when namespaces are not permitted.
 */
export async function runInNamespaces(nodes: number): Promise<number | null> {
  let network: Namespaces;
  try {
    network = Namespaces.create(nodes + 1);
  } catch (error) {
    console.error(`no namespaces: ${(error as Error).message}`);
    return null;
  }
  const [command = "", ...prefix] = network.commandOf(nodes);
  const line = [...prefix, process.execPath, ...process.argv.slice(1), "--within", network.prefix];
  const child = spawn(command, line, { stdio: "inherit" });
  const passOn = (signal: NodeJS.Signals): void => void child.kill(signal);
  process.on("SIGINT", passOn).on("SIGTERM", passOn);
  try {
    return await new Promise((resolve) => {
      child.on("exit", (code) => resolve(code ?? 1));
    });
  } finally {
    network.remove();
  }
}

/** Every kind of harm in turn, in an order of its own each time round, to a flock under load. */
export async function runAll(
  options: AllOptions,
  network: Namespaces | null,
  say: (text: string) => void,
): Promise<AllResult> {
  const random = seededRandom(options.seed);
  const directory = await mkdtemp(join(tmpdir(), "flockmq-recorder-"));
  const recorder = await buildRecorder(directory).catch(() => null);
  const hasSmallDisk = network !== null;
  const flock = await Flock.start({ nodes: options.nodes, network, recorder, hasSmallDisk });
  const end = (): void => void flock.stop().finally(() => process.exit(130));
  process.once("SIGINT", end).once("SIGTERM", end);
  try {
    await flock.whenInSync(syncTimeoutMs);
    const registers = new Registers({ workers: 10, pauseMs: 40 }, () => flock.endpoints(), random);
    registers.start();
    await pause(restMs);
    const untilMs = performance.now() + options.minutes * 60_000;
    const runs = new Map<string, number>();
    const notRun = new Map<string, string>();
    const failures: string[] = [];
    let isSame = false;
    try {
      const harm = { flock, random, syncTimeoutMs };
      await strike(harm, { only: options.only, untilMs, runs, notRun }, say);
      await registers.stop();
      const status = await flock.whenInSync(syncTimeoutMs);
      isSame = new Set(status.nodes.map(({ digest }) => digest)).size === 1;
      await registers.readBack();
    } catch (error) {
      // What clients saw until then is judged all the same.
      failures.push((error as Error).message);
      await registers.stop();
    }
    return {
      seed: options.seed,
      minutes: options.minutes,
      nodes: options.nodes,
      runs: Object.fromEntries(runs),
      notRun: Object.fromEntries(notRun),
      ...registers.counts,
      violations: [...failures, ...describeVerdicts(registers.verdicts())],
      sameDigestEverywhere: isSame,
    };
  } finally {
    await flock.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

interface Strikes {
  readonly only: string;
  readonly untilMs: number;
  readonly runs: Map<string, number>;
  readonly notRun: Map<string, string>;
}

async function strike(
  harm: Harm,
  { only, untilMs, runs, notRun }: Strikes,
  say: (text: string) => void,
): Promise<void> {
  const wanted = nemeses.filter(({ name }) => name.includes(only));
  const possible = wanted.filter(({ name, obstacle }) => {
    const problem = obstacle(harm.flock);
    if (problem === null) return true;
    say(`not run: ${name}: ${problem}`);
    notRun.set(name, problem);
    return false;
  });
  while (possible.length > 0 && performance.now() < untilMs) {
    for (const { name, run } of shuffled(possible, harm.random)) {
      if (performance.now() >= untilMs) break;
      const startMs = performance.now();
      const what = await run(harm).catch((error: Error) => {
        throw new Error(`${name}: ${error.message}`);
      });
      const undoneMs = performance.now();
      const status = await harm.flock.whenInSync(harm.syncTimeoutMs).catch((error: Error) => {
        throw new Error(`after ${name} (${what}): ${error.message}`);
      });
      const [harmed, healed] = [undoneMs - startMs, performance.now() - undoneMs].map(seconds);
      const times = `${harmed}, in sync ${healed} later, leader ${status.leader}, term ${status.term}`;
      say(`${name}: ${what}; ${times}`);
      runs.set(name, (runs.get(name) ?? 0) + (what.endsWith("not run") ? 0 : 1));
      await pause(restMs);
    }
  }
}

function seconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(1)} s`;
}
