import { runAll, summaryOf } from "./all.ts";
import { runFailover } from "./failover.ts";
import { runFlip } from "./flip-show.ts";
import { runIdle } from "./idle.ts";
import { Namespaces } from "./namespaces.ts";
import { runPowerLoss } from "./power-loss/run.ts";
import { runRetained } from "./retained/run.ts";
import { runRolling } from "./sessions/rolling.ts";
import { runSessions } from "./sessions/run.ts";
import { runWills } from "./sessions/wills.ts";
import { runInNamespaces } from "./within-namespaces.ts";

/** The runs of `npm run chaos` besides the rounds of kills and pauses; each answers the exit code. */
export interface ModeOptions {
  readonly all?: boolean;
  readonly sessions?: boolean;
  readonly wills?: string;
  readonly rolling?: boolean;
  readonly retained?: string;
  readonly writers: string;
  readonly subscribers: string;
  readonly minutes: string;
  readonly least: string;
  readonly only: string;
  /** Of the namespaces that the process made which started this one. */
  readonly within?: string;
  readonly flip?: boolean;
  readonly failover?: string;
  readonly idle?: string;
  readonly powerLoss?: string;
  readonly lyingDisk?: boolean;
  readonly nodes: string;
  readonly seed: string;
  readonly json?: boolean;
}

/** Null: none of these modes was asked for. */
export async function runMode(options: ModeOptions): Promise<number | null> {
  const say = (text: string): void => {
    if (options.json !== true) console.log(text);
  };
  const seed = Number(options.seed);
  if (options.powerLoss !== undefined) {
    const result = await runPowerLoss(
      { rounds: Number(options.powerLoss), nodes: 3, seed, isLying: options.lyingDisk === true },
      say,
    );
    return report(result, options.json === true);
  }
  if (options.retained !== undefined) {
    const result = await runRetained({ topics: Number(options.retained), nodes: 3 }, say);
    return report(result, options.json === true);
  }
  const exitCode = await runOnSessions(options, seed, say);
  if (exitCode !== null) return exitCode;
  if (options.flip === true) return report(await runFlip(seed, say), options.json === true);
  if (options.idle !== undefined) {
    const result = await runIdle(Number(options.idle), 3, say);
    print(result, options.json === true);
    return result.isAimMet ? 0 : 1;
  }
  if (options.failover !== undefined || options.all === true)
    return runNetworked(options, seed, say);
  return null;
}

/** Those about sessions that outlive their connections. */
async function runOnSessions(
  options: ModeOptions,
  seed: number,
  say: (text: string) => void,
): Promise<number | null> {
  const isJson = options.json === true;
  const nodes = Number(options.nodes);
  if (options.wills !== undefined) {
    return report(await runWills(Number(options.wills), 3, say), isJson);
  }
  if (options.rolling === true) return report(await runRolling(nodes, seed, say), isJson);
  if (options.sessions !== true) return null;
  const minutes = Number(options.minutes);
  const [publishers, subscribers] = [Number(options.writers), Number(options.subscribers)];
  say(`chaos: ${nodes} nodes, ${publishers} publishers, ${subscribers} sessions, seed ${seed}`);
  const { only } = options;
  const result = await runSessions({ minutes, nodes, seed, publishers, subscribers, only }, say);
  return report(result, isJson);
}

/** Those that harm links too, where this machine permits it. */
async function runNetworked(
  options: ModeOptions,
  seed: number,
  say: (text: string) => void,
): Promise<number> {
  const nodes = options.failover === undefined ? Number(options.nodes) : 3;
  const isOutside = options.within === undefined;
  const exitCode = isOutside ? await runInNamespaces(nodes) : null;
  if (exitCode !== null) return exitCode;
  const network = isOutside ? null : Namespaces.use(nodes + 1, options.within ?? "");
  if (options.failover !== undefined) {
    const result = await runFailover(Number(options.failover), nodes, network, say);
    print(result, options.json === true);
    return result.aimsMet ? 0 : 1;
  }
  const minutes = Number(options.minutes);
  const runsMin = Number(options.least);
  say(
    `chaos: ${nodes} nodes, ${minutes} minutes, each nemesis at least ${runsMin} times, seed ${seed}`,
  );
  const result = await runAll({ minutes, nodes, seed, runsMin, only: options.only }, network, say);
  say(summaryOf(result, runsMin));
  const exitCodeOfRun = report(result, options.json === true);
  return result.ranTooSeldom.length === 0 ? exitCodeOfRun : 1;
}

function report(
  result: { readonly violations: readonly string[]; readonly sameDigestEverywhere: boolean },
  isJson: boolean,
): number {
  print(result, isJson);
  return result.violations.length === 0 && result.sameDigestEverywhere ? 0 : 1;
}

function print(result: object, isJson: boolean): void {
  console.log(JSON.stringify(result, null, isJson ? 0 : 2));
}
