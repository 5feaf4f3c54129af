import { Flock, type Place, pause } from "./flock.ts";
import { percentile } from "./history.ts";
import type { Namespaces } from "./namespaces.ts";
import { Probes } from "./probe.ts";

const syncTimeoutMs = 60_000;
/** Longer than any outage should be. */
const strikeMs = 2500;

/** What is done to the leader, and what the outage should be at most. */
interface StrikeKind {
  readonly name: "kill -9" | "SIGSTOP" | "isolation";
  readonly aimMs: { readonly p50: number | null; readonly p99: number };
}

const kinds: readonly StrikeKind[] = [
  { name: "kill -9", aimMs: { p50: 200, p99: 800 } },
  { name: "SIGSTOP", aimMs: { p50: null, p99: 1500 } },
  { name: "isolation", aimMs: { p50: null, p99: 1500 } },
];

export interface OutageFigures {
  readonly strikes: number;
  /** Of the first write acknowledged by any survivor, and by the last of them. */
  readonly firstMs: { readonly p50: number; readonly p99: number; readonly max: number };
  readonly everySurvivorMs: { readonly p50: number; readonly p99: number; readonly max: number };
  readonly isAimMet: boolean;
}

export interface FailoverResult {
  readonly nodes: number;
  readonly outages: Readonly<Partial<Record<StrikeKind["name"], OutageFigures>>>;
  readonly notMeasured: readonly string[];
  /** What kept the run from its end; null when nothing did. */
  readonly failure: string | null;
  readonly aimsMet: boolean;
}

/** Strikes the leader `rounds` times in each way, and measures how long no write is acknowledged. Without a network of its own it isolates nobody. */
export async function runFailover(
  rounds: number,
  nodes: number,
  network: Namespaces | null,
  say: (text: string) => void,
): Promise<FailoverResult> {
  const possible = kinds.filter(({ name }) => name !== "isolation" || network !== null);
  const outages: Partial<Record<StrikeKind["name"], OutageFigures>> = {};
  let failure: string | null = null;
  const flock = await Flock.start({ nodes, network, recorder: null, hasSmallDisk: false });
  const end = (): void => void flock.stop().finally(() => process.exit(130));
  process.once("SIGINT", end).once("SIGTERM", end);
  try {
    await flock.whenInSync(syncTimeoutMs);
    const probes = new Probes(flock.endpoints().map(({ host, mqtt }) => ({ host, port: mqtt })));
    for (const kind of possible) {
      outages[kind.name] = await strikeLeaders(flock, probes, kind, rounds, say);
    }
    await probes.stop();
  } catch (error) {
    failure = (error as Error).message;
  } finally {
    await flock.stop();
  }
  for (const { name, aimMs } of possible) say(describe(name, outages[name], aimMs));
  const notMeasured = kinds.filter((kind) => !possible.includes(kind)).map(({ name }) => name);
  const areMet = possible.every(({ name }) => outages[name]?.isAimMet === true);
  return { nodes, outages, notMeasured, failure, aimsMet: failure === null && areMet };
}

async function strikeLeaders(
  flock: Flock,
  probes: Probes,
  { name, aimMs }: StrikeKind,
  rounds: number,
  say: (text: string) => void,
): Promise<OutageFigures> {
  const first: number[] = [];
  const every: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await probes.whenFlowing(10_000);
    const leader = await flock.leader(10_000);
    const atMs = performance.now();
    strike(flock, leader, name);
    await pause(strikeMs);
    const survivors = flock.places.filter((place) => place !== leader).map(({ index }) => index);
    // A survivor without a write by now counts as silent for the whole time.
    const { firstMs, allMs } = probes.outage(atMs, survivors);
    first.push(Math.min(firstMs, strikeMs));
    every.push(Math.min(allMs, strikeMs));
    await undo(flock, leader, name);
    const { term } = await flock.whenInSync(syncTimeoutMs);
    const [firstText, everyText] = [first.at(-1), every.at(-1)].map((ms) => ms?.toFixed(0));
    const outage = `first write after ${firstText} ms, on every survivor after ${everyText} ms`;
    say(`${name} ${round + 1}/${rounds} of ${leader.name}: ${outage}, term ${term}`);
  }
  const [firstMs, everySurvivorMs] = [summary(first), summary(every)];
  const isAimMet = firstMs.p50 <= (aimMs.p50 ?? firstMs.p50) && firstMs.p99 <= aimMs.p99;
  return { strikes: rounds, firstMs, everySurvivorMs, isAimMet };
}

function strike({ network }: Flock, leader: Place, name: StrikeKind["name"]): void {
  if (name === "isolation") network?.cut([leader.index], "both");
  else leader.process.signal(name === "kill -9" ? "SIGKILL" : "SIGSTOP");
}

async function undo(flock: Flock, leader: Place, name: StrikeKind["name"]): Promise<void> {
  if (name === "isolation") flock.network?.heal();
  else if (name === "SIGSTOP") leader.process.signal("SIGCONT");
  else {
    await leader.process.exited;
    await flock.restart(leader);
  }
}

function describe(
  name: string,
  figures: OutageFigures | undefined,
  aim: StrikeKind["aimMs"],
): string {
  if (figures === undefined) return `${name}: not measured`;
  const { strikes, firstMs, isAimMet } = figures;
  const aims = `${aim.p50 === null ? "" : `p50 <= ${aim.p50}, `}p99 <= ${aim.p99} ms`;
  const found = `p50 ${firstMs.p50}, p99 ${firstMs.p99}, max ${firstMs.max} ms`;
  return `${name} of the leader, ${strikes} times: no write for ${found} (aim ${aims}: ${isAimMet ? "met" : "NOT met"})`;
}

function summary(outages: readonly number[]): { p50: number; p99: number; max: number } {
  return {
    p50: Math.round(percentile(outages, 0.5)),
    p99: Math.round(percentile(outages, 0.99)),
    max: Math.round(Math.max(...outages)),
  };
}
