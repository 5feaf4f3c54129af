import { Flock, pause } from "./flock.ts";
import { PacedLoad } from "./paced-load.ts";

const syncTimeoutMs = 60_000;
/** Fresh processes write more slowly than warm ones. */
const warmUpMs = 5000;
const measureMs = 10_000;
const loadShare = 0.8;
/** Less of the wanted load than this is not the load that was meant. */
const loadReachedMin = 0.95;
const pollMs = 500;

/** What was seen of the leaders in one phase. */
export interface Reigns {
  /** "TERM LEADER", one for each change. */
  readonly reigns: readonly string[];
  readonly polls: number;
  /** Polls that no node answered, or that named no leader. */
  readonly withoutLeader: number;
}

export interface IdleResult {
  readonly minutes: number;
  readonly nodes: number;
  readonly idle: Reigns;
  /** Acknowledged writes a second with nothing held back, from which the load is reckoned. */
  readonly capacityPerSecond: number;
  readonly wantedPerSecond: number;
  readonly acknowledgedPerSecond: number;
  readonly lostConnections: number;
  readonly loaded: Reigns;
  readonly leaderChanges: number;
  readonly failure: string | null;
  /** No change of the leader, at the load that was meant. */
  readonly isAimMet: boolean;
}

/** Watches who leads for some minutes without clients, and for as long at 80 % of what the flock can write. */
export async function runIdle(
  minutes: number,
  nodes: number,
  say: (text: string) => void,
): Promise<IdleResult> {
  const nothing: Reigns = { reigns: [], polls: 0, withoutLeader: 0 };
  let [idle, loaded] = [nothing, nothing];
  let load = { capacity: 0, wanted: 0, reached: 0, lostConnections: 0 };
  let failure: string | null = null;
  const flock = await Flock.start({ nodes, network: null, recorder: null, hasSmallDisk: false });
  const end = (): void => void flock.stop().finally(() => process.exit(130));
  process.once("SIGINT", end).once("SIGTERM", end);
  try {
    const { term, leader } = await flock.whenInSync(syncTimeoutMs);
    say(`idle for ${minutes} minutes; ${leader} leads in term ${term}`);
    idle = await watchLeaders(flock, minutes);
    say(describe("idle", idle));
    [load, loaded] = await watchUnderLoad(flock, minutes, say);
    say(describe("under load", loaded));
    await flock.whenInSync(syncTimeoutMs);
  } catch (error) {
    failure = (error as Error).message;
  } finally {
    await flock.stop();
  }
  const reigns = [...idle.reigns, ...loaded.reigns].filter((one, i, all) => one !== all[i - 1]);
  const leaderChanges = Math.max(0, reigns.length - 1);
  const isLoadMeant = load.lostConnections === 0 && load.reached >= load.wanted * loadReachedMin;
  return {
    minutes,
    nodes,
    idle,
    capacityPerSecond: Math.round(load.capacity),
    wantedPerSecond: Math.round(load.wanted),
    acknowledgedPerSecond: Math.round(load.reached),
    lostConnections: load.lostConnections,
    loaded,
    leaderChanges,
    failure,
    isAimMet: failure === null && leaderChanges === 0 && isLoadMeant,
  };
}

async function watchUnderLoad(flock: Flock, minutes: number, say: (text: string) => void) {
  const clients = await PacedLoad.start(flock.endpoints());
  try {
    await clients.run(Number.POSITIVE_INFINITY, warmUpMs);
    const capacity = await clients.run(Number.POSITIVE_INFINITY, measureMs);
    const wanted = capacity * loadShare;
    const rates = `${wanted.toFixed(0)} of the ${capacity.toFixed(0)} writes a second`;
    say(`${minutes} minutes at ${rates} that these nodes acknowledge when nothing is held back`);
    const [reached, loaded] = await Promise.all([
      clients.run(wanted, minutes * 60_000),
      watchLeaders(flock, minutes),
    ]);
    const { lostConnections } = clients;
    return [{ capacity, wanted, reached, lostConnections }, loaded] as const;
  } finally {
    await clients.stop();
  }
}

async function watchLeaders(flock: Flock, minutes: number): Promise<Reigns> {
  const untilMs = performance.now() + minutes * 60_000;
  const reigns: string[] = [];
  let [polls, withoutLeader] = [0, 0];
  while (performance.now() < untilMs) {
    const status = await flock.status();
    polls++;
    if (status === null || status.leader === null) withoutLeader++;
    else if (reigns.at(-1) !== `${status.term} ${status.leader}`) {
      reigns.push(`${status.term} ${status.leader}`);
    }
    await pause(pollMs);
  }
  return { reigns, polls, withoutLeader };
}

function describe(phase: string, { reigns, polls, withoutLeader }: Reigns): string {
  const seen = reigns.map((reign) => `term ${reign.replace(" ", " under ")}`).join(", ");
  return `${phase}: asked ${polls} times, ${withoutLeader} times without a leader in the answer; ${seen}`;
}
