import { checkRegister, type Operation } from "../../scripts/chaos/linearizability.ts";
import { SimClient } from "./client.ts";
import { Violation } from "./facts.ts";
import { strike } from "./faults.ts";
import { heal } from "./healing.ts";
import { needsLevel, planOf } from "./plan.ts";
import { Seeded } from "./seeded.ts";
import { World } from "./world.ts";

export interface ScheduleOptions {
  readonly seed: number;
  /** For how long faults strike; healing comes on top. */
  readonly seconds: number;
  /** Numbers of the faults that strike; null for all. */
  readonly faults?: readonly number[] | null;
  readonly say?: (text: string) => void;
}

export interface ScheduleResult {
  readonly seed: number;
  /** The first broken promise; null when all were kept. */
  readonly violation: { readonly promise: string; readonly message: string } | null;
  readonly traceHash: string;
  readonly simulatedMs: number;
  readonly events: number;
  readonly faults: readonly number[];
  readonly commits: number;
  readonly leaders: number;
  readonly acknowledged: number;
  readonly reads: number;
  readonly snapshots: number;
  readonly compactions: number;
  /** Damaged disks that their nodes noticed, and those that nobody could notice. */
  readonly damagesNoticed: number;
  readonly damagesUnnoticed: number;
}

/** One seed from beginning to end: faults, then healing, then what clients saw. Never throws. */
export async function runSchedule(options: ScheduleOptions): Promise<ScheduleResult> {
  const { seed, seconds, say = null } = options;
  const plan = planOf(seed, seconds);
  const world = new World(seed, say, needsLevel(plan));
  const faults = plan.faults.filter(({ number }) => options.faults?.includes(number) ?? true);
  const unhandled = (error: unknown): void => {
    world.facts.demand(false, "nothing is thrown", text(error));
  };
  process.on("unhandledRejection", unhandled);
  try {
    for (let i = 0; i < plan.nodes; i++) {
      const delayMs = i === 0 ? 0 : 50 + world.random.between(0, 1000);
      world.clock.after(delayMs, () => void (world.isHealed || world.add()));
    }
    const clientRandom = new Seeded(seed, "clients");
    for (let i = 0; i < plan.clients; i++) {
      const random = new Seeded(Math.floor(clientRandom.next() * 2 ** 31), `client ${i}`);
      world.clients.push(new SimClient(world, `c${i}`, random));
    }
    for (const fault of faults) {
      world.clock.after(fault.atMs, () => {
        if (!world.isHealed) strike(world, fault);
      });
    }
    await world.clock.run(seconds * 1000, () => world.facts.violation !== null);
    world.isHealed = true;
    await heal(world);
    checkClients(world);
  } catch (error) {
    world.facts.demand(false, "nothing is thrown", text(error));
  } finally {
    // Rejections that nobody handled are reported between two turns of the real event loop.
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", unhandled);
  }
  return resultOf(
    world,
    seed,
    faults.map(({ number }) => number),
  );
}

/** Linearizability, key by key, and no value that was refused took effect. */
function checkClients(world: World): void {
  const { facts } = world;
  if (facts.violation !== null) return;
  for (const client of world.clients) client.close();
  const histories = new Map<string, Operation[]>();
  const remember = (key: string, operations: readonly Operation[]): void => {
    const known = histories.get(key);
    if (known === undefined) histories.set(key, [...operations]);
    else known.push(...operations);
  };
  for (const { history, devices } of world.clients) {
    for (const [key, operations] of history) remember(key, operations);
    for (const [register, operation] of devices.operations()) remember(register, [operation]);
  }
  const ranks = new Map([...facts.values.keys()].map((value, rank) => [value, rank]));
  const rankOf = (value: string | null): number => ranks.get(value ?? "") ?? -1;
  for (const [key, history] of histories) {
    const verdict = checkRegister(history, rankOf);
    facts.demand(
      verdict.isLinearizable,
      "linearizability",
      `${history.length} operations on ${key}: ${verdict.isLinearizable || blocked(verdict.blocking)}`,
    );
  }
  for (const value of world.rejected) {
    facts.demand(!facts.values.has(value), "refused means never", `${value} was applied`);
  }
}

function blocked({ kind, value, by, expected }: Operation): string {
  const condition = expected === undefined ? "" : ` where ${expected} is expected`;
  return `no place for ${kind} ${value} by ${by}${condition}`;
}

function resultOf(world: World, seed: number, faults: readonly number[]): ScheduleResult {
  const { facts, clock, clients, trace } = world;
  const { violation } = facts;
  const sum = (count: (client: SimClient) => number): number =>
    clients.reduce((total, client) => total + count(client), 0);
  return {
    seed,
    violation: violation && { promise: violation.promise, message: violation.message },
    traceHash: trace.hex(),
    simulatedMs: clock.nowMs,
    events: clock.events,
    faults,
    commits: facts.committedIndex,
    leaders: facts.leaderCount,
    acknowledged: sum(({ acknowledged }) => acknowledged),
    reads: sum(({ reads }) => reads),
    snapshots: facts.snapshotsInstalled,
    compactions: facts.compactions,
    damagesNoticed: world.damagesNoticed,
    damagesUnnoticed: world.damagesUnnoticed,
  };
}

function text(error: unknown): string {
  if (error instanceof Violation) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
