import { Flock, pause } from "./flock.ts";
import { percentile } from "./history.ts";
import { Probes } from "./probe.ts";

const syncTimeoutMs = 60_000;
/** Longer than any outage should be. */
const strikeMs = 2500;

export interface OutageFigures {
  readonly strikes: number;
  /** Of the first write acknowledged by any survivor, and by the last of them. */
  readonly firstMs: { readonly p50: number; readonly p99: number; readonly max: number };
  readonly everySurvivorMs: { readonly p50: number; readonly p99: number; readonly max: number };
}

export interface FailoverResult {
  readonly nodes: number;
  readonly kill: OutageFigures;
  readonly stop: OutageFigures;
  readonly aimsMet: boolean;
}

/** Strikes the leader `rounds` times with kill -9 and as often with SIGSTOP, and measures how long no write is acknowledged. */
export async function runFailover(
  rounds: number,
  nodes: number,
  say: (text: string) => void,
): Promise<FailoverResult> {
  const flock = await Flock.start({ nodes, network: null, recorder: null, hasSmallDisk: false });
  try {
    await flock.whenInSync(syncTimeoutMs);
    const probes = new Probes(flock.endpoints().map(({ mqtt }) => mqtt));
    const kill = await strikeLeaders(flock, probes, "SIGKILL", rounds, say);
    const stop = await strikeLeaders(flock, probes, "SIGSTOP", rounds, say);
    await probes.stop();
    const isKillMet = kill.firstMs.p50 <= 200 && kill.firstMs.p99 <= 800;
    return { nodes, kill, stop, aimsMet: isKillMet && stop.firstMs.p99 <= 1500 };
  } finally {
    await flock.stop();
  }
}

async function strikeLeaders(
  flock: Flock,
  probes: Probes,
  signal: "SIGKILL" | "SIGSTOP",
  rounds: number,
  say: (text: string) => void,
): Promise<OutageFigures> {
  const first: number[] = [];
  const every: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await probes.whenFlowing(10_000);
    const leader = await flock.leader(10_000);
    const atMs = performance.now();
    leader.process.signal(signal);
    await pause(strikeMs);
    const survivors = flock.places.filter((place) => place !== leader).map(({ index }) => index);
    const { firstMs, allMs } = probes.outage(atMs, survivors);
    // A survivor without a write by now counts as silent for the whole time.
    first.push(orAtLeast(firstMs));
    every.push(orAtLeast(allMs));
    if (signal === "SIGKILL") {
      await leader.process.exited;
      await flock.restart(leader);
    } else {
      leader.process.signal("SIGCONT");
    }
    const { term } = await flock.whenInSync(syncTimeoutMs);
    const outage = `${orAtLeast(firstMs).toFixed(0)} ms, every survivor ${orAtLeast(allMs).toFixed(0)} ms`;
    say(`${signal} ${round + 1} of ${leader.name}: ${outage}, term ${term}`);
  }
  return { strikes: rounds, firstMs: summary(first), everySurvivorMs: summary(every) };
}

function orAtLeast(outageMs: number): number {
  return Number.isFinite(outageMs) ? outageMs : strikeMs;
}

function summary(outages: readonly number[]): { p50: number; p99: number; max: number } {
  return {
    p50: Math.round(percentile(outages, 0.5)),
    p99: Math.round(percentile(outages, 0.99)),
    max: Math.round(Math.max(...outages)),
  };
}
