import { Flock, pause } from "./flock.ts";
import { PacedLoad } from "./paced-load.ts";

const syncTimeoutMs = 60_000;
const measureMs = 5000;
const loadShare = 0.8;
const pollMs = 500;

export interface IdleResult {
  readonly minutes: number;
  readonly nodes: number;
  /** Acknowledged writes a second with nothing held back, from which the load is reckoned. */
  readonly capacityPerSecond: number;
  readonly loadPerSecond: number;
  readonly termsWhenIdle: readonly number[];
  readonly termsUnderLoad: readonly number[];
  readonly leaderChanges: number;
}

/** Watches who leads for some minutes without clients, and for as long at 80 % of what the flock can write. */
export async function runIdle(
  minutes: number,
  nodes: number,
  say: (text: string) => void,
): Promise<IdleResult> {
  const flock = await Flock.start({ nodes, network: null, recorder: null, hasSmallDisk: false });
  try {
    const { term, leader } = await flock.whenInSync(syncTimeoutMs);
    say(`idle: ${minutes} minutes, ${leader} leads in term ${term}`);
    const idle = await watchLeaders(flock, minutes);
    const load = await PacedLoad.start(flock.endpoints());
    const capacity = await load.run(Number.POSITIVE_INFINITY, measureMs);
    const rate = capacity * loadShare;
    say(`load: ${minutes} minutes at ${rate.toFixed(0)} of ${capacity.toFixed(0)} writes a second`);
    const [loadPerSecond, loaded] = await Promise.all([
      load.run(rate, minutes * 60_000),
      watchLeaders(flock, minutes),
    ]);
    await load.stop();
    const reigns = [...idle, ...loaded].filter((reign, i, all) => reign !== all[i - 1]);
    return {
      minutes,
      nodes,
      capacityPerSecond: Math.round(capacity),
      loadPerSecond: Math.round(loadPerSecond),
      termsWhenIdle: termsOf(idle),
      termsUnderLoad: termsOf(loaded),
      leaderChanges: reigns.length - 1,
    };
  } finally {
    await flock.stop();
  }
}

/** "TERM LEADER" each time that one was seen. */
async function watchLeaders(flock: Flock, minutes: number): Promise<readonly string[]> {
  const untilMs = performance.now() + minutes * 60_000;
  const seen: string[] = [];
  while (performance.now() < untilMs) {
    const status = await flock.status();
    if (status !== null && status.leader !== null) seen.push(`${status.term} ${status.leader}`);
    await pause(pollMs);
  }
  return seen;
}

function termsOf(reigns: readonly string[]): readonly number[] {
  return [...new Set(reigns.map((reign) => Number(reign.split(" ")[0])))];
}
