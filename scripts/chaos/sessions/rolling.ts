import { seededRandom } from "../../support/random.ts";
import { Flock, pause } from "../flock.ts";
import { SessionLoad, type SessionLoadResult } from "./session-load.ts";

const syncTimeoutMs = 90_000;
const finishTimeoutMs = 30_000;
const warmUpMs = 3000;

export interface RollingResult extends Omit<SessionLoadResult, "problems"> {
  readonly nodes: number;
  readonly seed: number;
  readonly lost: number;
  /** Without a restart, for comparison; and while all nodes restart. */
  readonly longestGapBeforeMs: number;
  readonly longestGapMs: number;
  /** Of each subscriber, longest first. */
  readonly gapsMs: readonly number[];
  readonly violations: readonly string[];
  readonly sameDigestEverywhere: boolean;
}

/** Every node in turn gets SIGTERM and starts again, under QoS 1 load between stored sessions. */
export async function runRolling(
  nodes: number,
  seed: number,
  say: (text: string) => void,
): Promise<RollingResult> {
  const flock = await Flock.start({ nodes, network: null, recorder: null, hasSmallDisk: false });
  const end = (): void => void flock.stop().finally(() => process.exit(130));
  process.once("SIGINT", end).once("SIGTERM", end);
  try {
    await flock.whenInSync(syncTimeoutMs);
    const load = new SessionLoad(
      { publishers: 10, subscribers: 20, levels: [1], pauseMs: 50, moveEveryMs: null },
      () => flock.endpoints(),
      seededRandom(seed),
    );
    await load.start(30_000);
    await pause(warmUpMs);
    const longestGapBeforeMs = (await gapsWhile(load, () => pause(warmUpMs)))[0] ?? 0;
    const gapsMs = await gapsWhile(load, () => restartAll(flock, load, say));
    await load.finish(finishTimeoutMs);
    const status = await flock.whenInSync(syncTimeoutMs);
    await load.close();
    const sameDigestEverywhere = new Set(status.nodes.map(({ digest }) => digest)).size === 1;
    const { problems, ...counts } = load.result();
    const lost = problems.filter(({ kind }) => kind === "lost").length;
    const longestGapMs = gapsMs[0] ?? 0;
    const violations = violationsOf(load.result());
    const gaps = { longestGapBeforeMs, longestGapMs, gapsMs };
    return { nodes, seed, ...counts, lost, ...gaps, violations, sameDigestEverywhere };
  } finally {
    await flock.stop();
  }
}

async function restartAll(
  flock: Flock,
  load: SessionLoad,
  say: (text: string) => void,
): Promise<void> {
  for (const place of flock.places) {
    const { acknowledged } = load.counts;
    await place.process.stop();
    if (place.process.exitCode !== 0) {
      throw new Error(`${place.name} ended with ${place.process.exitCode}`);
    }
    await flock.restart(place);
    await flock.whenInSync(syncTimeoutMs);
    say(`${place.name} restarted, +${load.counts.acknowledged - acknowledged} acknowledged`);
  }
}

/** The longest gap of each subscriber, longest first. */
async function gapsWhile(load: SessionLoad, run: () => Promise<void>): Promise<readonly number[]> {
  for (const subscriber of load.subscribers) subscriber.watchGaps();
  await run();
  const gaps = load.subscribers.map(({ longestGapMs }) => Math.round(longestGapMs));
  return gaps.sort((a, b) => b - a);
}

function violationsOf({ problems, unacknowledgedAtTheEnd, sessionsLost }: SessionLoadResult) {
  return [
    ...problems.map(
      ({ kind, session, topic, detail }) => `${kind}: ${topic} to ${session}: ${detail}`,
    ),
    ...(unacknowledgedAtTheEnd > 0
      ? [`${unacknowledgedAtTheEnd} messages never acknowledged`]
      : []),
    ...(sessionsLost > 0 ? [`${sessionsLost} times a session was not there any more`] : []),
  ];
}
