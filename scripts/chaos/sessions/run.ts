import { seededRandom } from "../../support/random.ts";
import { Flock, pause } from "../flock.ts";
import type { Nemesis } from "../harm.ts";
import { processNemeses } from "../process-nemeses.ts";
import { Schedule } from "../schedule.ts";
import { tableOf } from "../scoreboard.ts";
import { Strikes } from "../strikes.ts";
import type { LedgerProblem } from "./ledger.ts";
import { Rivals, type RivalsResult } from "./rivals.ts";
import { SessionLoad, type SessionLoadResult } from "./session-load.ts";

const syncTimeoutMs = 90_000;
const restMs = 1500;
const finishTimeoutMs = 30_000;
/** Some of them late: they are owed what is sent after their SUBACK. */
const lateSubscribersMax = 8;
/** More of them than these are only counted. */
const violationsShownMax = 100;

export interface SessionsOptions {
  readonly minutes: number;
  readonly nodes: number;
  readonly seed: number;
  readonly publishers: number;
  readonly subscribers: number;
  /** Only nemeses with this in their name. */
  readonly only: string;
}

export interface SessionsResult extends Omit<SessionLoadResult, "problems"> {
  readonly seed: number;
  readonly minutes: number;
  readonly nodes: number;
  readonly strikes: number;
  readonly lost: number;
  readonly twiceAtQos2: number;
  readonly outOfOrder: number;
  readonly phantom: number;
  readonly rivals: Omit<RivalsResult, "problems">;
  readonly violations: readonly string[];
  readonly sameDigestEverywhere: boolean;
}

/** Nodes are killed, hung and restarted under publishers and subscribers whose sessions must not notice. */
export async function runSessions(
  options: SessionsOptions,
  say: (text: string) => void,
): Promise<SessionsResult> {
  const random = seededRandom(options.seed);
  const flock = await Flock.start({
    ...{ nodes: options.nodes, network: null, recorder: null, hasSmallDisk: false },
  });
  const end = (): void => void flock.stop().finally(() => process.exit(130));
  process.once("SIGINT", end).once("SIGTERM", end);
  let isWell = false;
  try {
    await flock.whenInSync(syncTimeoutMs);
    const { publishers, subscribers } = options;
    const endpoints = () => flock.endpoints();
    const load = new SessionLoad(
      { publishers, subscribers, levels: [1, 2], pauseMs: 100, moveEveryMs: 5000 },
      endpoints,
      random,
    );
    const rivals = new Rivals({ identifiers: 4, endpoints, random });
    await Promise.all([load.start(30_000), rivals.start()]);
    const { problems, strikes } = await strikeAll(options, flock, load, random, say);
    await rivals.stop();
    await load.finish(finishTimeoutMs);
    const check = await finalCheck(flock);
    await load.close();
    const all = [...problems, ...rivals.result().problems, ...check.failures];
    const found = summaryOf(load.result(), all);
    const { problems: _, ...contests } = rivals.result();
    const { sameDigestEverywhere } = check;
    isWell = found.violations.length === 0 && sameDigestEverywhere;
    const { minutes, nodes, seed } = options;
    return { seed, minutes, nodes, strikes, ...found, rivals: contests, sameDigestEverywhere };
  } finally {
    await flock.stop(!isWell);
  }
}

async function strikeAll(
  options: SessionsOptions,
  flock: Flock,
  load: SessionLoad,
  random: () => number,
  say: (text: string) => void,
) {
  const startMs = performance.now();
  const wanted = processNemeses.filter(({ name }) => name.includes(options.only));
  const names = wanted.map(({ name }) => name);
  const endMs = startMs + options.minutes * 60_000;
  const schedule = new Schedule(names, { startMs, endMs, runsMin: 1, random });
  const nemeses = wanted.map((nemesis) => withLateSubscriber(nemesis, load));
  const strikes = new Strikes({ flock, load, random, syncTimeoutMs, restMs }, say);
  await pause(restMs);
  const problems = await strikes.run(nemeses, schedule);
  for (const line of tableOf(names, strikes.scores, new Map())) say(line);
  return { problems, strikes: strikes.scores.length };
}

/** Before each of the first strikes one more session begins. */
function withLateSubscriber(nemesis: Nemesis, load: SessionLoad): Nemesis {
  const most = load.subscribers.length + lateSubscribersMax;
  return {
    ...nemesis,
    run: (harm) => {
      if (load.subscribers.length < most) load.addSubscriber();
      return nemesis.run(harm);
    },
  };
}

async function finalCheck(flock: Flock) {
  try {
    const { nodes } = await flock.whenInSync(syncTimeoutMs);
    return {
      failures: [],
      sameDigestEverywhere: new Set(nodes.map(({ digest }) => digest)).size === 1,
    };
  } catch (error) {
    return { failures: [(error as Error).message], sameDigestEverywhere: false };
  }
}

function summaryOf(load: SessionLoadResult, others: readonly string[]) {
  const { problems, ...counts } = load;
  const count = (kind: LedgerProblem["kind"]): number =>
    problems.filter((problem) => problem.kind === kind).length;
  const { unacknowledgedAtTheEnd: open, sessionsLost } = counts;
  const violations = [
    ...problems.map(
      ({ kind, session, topic, detail }) => `${kind}: ${topic} to ${session}: ${detail}`,
    ),
    ...(open > 0 ? [`${open} messages were never acknowledged`] : []),
    ...(sessionsLost > 0 ? [`${sessionsLost} times a session was not there any more`] : []),
    ...others,
  ];
  const more = violations.length - violationsShownMax;
  if (more > 0) violations.splice(violationsShownMax, more, `and ${more} more`);
  const [lost, twiceAtQos2] = [count("lost"), count("twice")];
  return {
    ...counts,
    lost,
    twiceAtQos2,
    outOfOrder: count("order"),
    phantom: count("phantom"),
    violations,
  };
}
