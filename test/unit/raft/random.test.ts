import { expect, test } from "vitest";
import { Simulation } from "../../support/raft/simulation.ts";

const seeds = Number(process.env["SEEDS"] ?? 300);
const firstSeed = Number(process.env["SEED"] ?? 1);
const steps = 400;
const healingSteps = 600;

test("no seed of loss, crashes, partitions and membership changes breaks a promise", () => {
  const totals = { committed: 0, reads: 0, snapshots: 0, elections: 0, changes: 0 };
  for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) {
    const simulation = new Simulation(seed);
    try {
      for (let step = 0; step < steps; step += 1) {
        simulation.step();
      }
      simulation.heal(healingSteps);
    } catch (error) {
      throw new Error(`SEED=${seed} SEEDS=1: ${(error as Error).message}`, { cause: error });
    }
    totals.committed += simulation.facts.committedIndex;
    totals.reads += simulation.readsAnswered;
    totals.snapshots += simulation.snapshotsSent;
    totals.elections += simulation.elections;
    totals.changes += simulation.changes;
  }
  // A simulation in which nothing happens proves nothing.
  for (const [what, count] of Object.entries(totals)) {
    expect(count, what).toBeGreaterThan(seeds / 4);
  }
}, 60_000);
