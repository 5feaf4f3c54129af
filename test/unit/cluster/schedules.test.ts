import { expect, test } from "vitest";
import { FlockChecker } from "../../support/flock-checker.ts";
import { type FlockNode, MemoryFlock } from "../../support/memory-flock.ts";

const seeds = 100;
const stepsPerSeed = 30;
const members = 3;

/** A read of a key at a node, and what was certain to be applied when it began. */
class Reads {
  stale: string | null = null;
  readonly #checker: FlockChecker;
  count = 0;

  constructor(checker: FlockChecker) {
    this.#checker = checker;
  }

  start(node: FlockNode): void {
    const { machine } = node;
    const { cluster } = node;
    const acknowledged = this.#checker.operations.flatMap(({ outcome, command }) =>
      outcome?.status === "applied" ? [{ index: outcome.index, command }] : [],
    );
    const newest = acknowledged.sort((a, b) => b.index - a.index)[0];
    void cluster.readBarrier(1000).then((outcome) => {
      if (outcome !== "ok") return;
      this.count++;
      const applied = cluster.metrics().get("raft_applied_index") ?? 0;
      if (newest !== undefined && applied < newest.index) this.stale = newest.command;
      if (newest !== undefined && !machine.values.has(newest.command.split("=")[0] ?? "")) {
        this.stale = newest.command;
      }
    });
  }
}

async function disturb(flock: MemoryFlock): Promise<void> {
  const { random, running, nodes } = flock;
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const dice = random();
  if (dice < 0.06 && running.length > 1) pick(running).crash(random() < 0.5 ? "kept" : "lost");
  else if (dice < 0.2) {
    const down = nodes.filter((node) => !node.isRunning);
    if (down.length > 0) await pick(down).start();
  } else if (dice < 0.26) flock.cut(pick(nodes));
  else if (dice < 0.3) flock.network.partition(pick(nodes).nodeId, pick(nodes).nodeId);
  else if (dice < 0.4) flock.heal();
  else if (dice < 0.44) flock.network.reset(pick(nodes).nodeId, pick(nodes).nodeId);
  else if (dice < 0.47) {
    const leader = flock.findLeader();
    leader?.cluster.transferLeadership(null).catch(() => undefined);
  }
}

async function heal(flock: MemoryFlock): Promise<void> {
  flock.heal();
  for (const node of flock.nodes) if (!node.isRunning) await node.start();
  await flock.settled(members);
  await flock.converged();
}

async function run(seed: number): Promise<{ operations: number; applied: number; reads: number }> {
  const logWindow = { sizeBytesMax: 1e6, entriesMax: 130, keptSizeBytes: 5e5, keptEntries: 64 };
  const flock = new MemoryFlock({ seed, logWindow });
  await flock.grow(members);
  const checker = new FlockChecker(flock);
  const reads = new Reads(checker);
  for (let step = 0; step < stepsPerSeed; step++) {
    await disturb(flock);
    for (const node of flock.running) {
      if (!node.isMember) continue;
      for (let i = 0; i < 3; i++) checker.propose(node, `k${Math.floor(flock.random() * 5)}`);
      reads.start(node);
    }
    await flock.pass(flock.random() * 100);
    checker.checkDigests();
  }
  await heal(flock);
  await checker.answered();
  await flock.converged();
  checker.checkHistory();
  checker.checkState();
  if (reads.stale !== null) throw new Error(`a read missed ${reads.stale}`);
  const fatal = flock.nodes.flatMap((node) => node.fatal);
  if (fatal.length > 0) throw fatal[0];
  const applied = checker.operations.filter(({ outcome }) => outcome?.status === "applied");
  return {
    operations: checker.operations.length,
    applied: applied.length,
    reads: reads.count,
  };
}

test(`${seeds} schedules of crashes, partitions and resets: nothing is lost, doubled or out of order`, async () => {
  let [operations, applied, reads] = [0, 0, 0];
  for (let seed = 1; seed <= seeds; seed++) {
    try {
      const result = await run(seed);
      operations += result.operations;
      applied += result.applied;
      reads += result.reads;
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
  expect(applied).toBeGreaterThan(operations / 3);
  expect(reads).toBeGreaterThan(1000);
}, 60_000);

test("a schedule can be repeated", async () => {
  expect(await run(7)).toEqual(await run(7));
});
