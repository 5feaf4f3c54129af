import { describe, expect, test } from "vitest";
import { type FlockNode, MemoryFlock } from "../../support/memory-flock.ts";

/** What a local read claims must hold: nothing that was committed earlier than its age may be missing. */
describe("the age of a local read", () => {
  test("is small on every node of a cluster at rest", async () => {
    const flock = new MemoryFlock();
    await flock.grow(3);
    await flock.pass(1000);
    for (const node of flock.running) expect(node.cluster.stalenessMs()).toBeLessThan(150);
  });

  test("grows on a leader that is cut off, also before it steps down", async () => {
    const flock = new MemoryFlock();
    await flock.grow(3);
    const old = flock.leader;
    flock.cut(old);
    await flock.pass(300);
    expect(old.isLeader).toBe(true);
    expect(old.cluster.stalenessMs()).toBeGreaterThan(200);
    await flock.pass(3000);
    expect(old.cluster.stalenessMs()).toBeGreaterThan(3000);
    expect(old.cluster.stalenessMs()).toBeLessThan(3500);
    flock.heal();
    await flock.settled(3);
    await flock.pass(500);
    expect(old.cluster.stalenessMs()).toBeLessThan(150);
  });

  test("is unknown while a snapshot is loaded, for which a barrier waits, and never less than what is missing", async () => {
    const logWindow = { sizeBytesMax: 1e6, entriesMax: 130, keptSizeBytes: 5e5, keptEntries: 64 };
    const flock = new MemoryFlock({ logWindow, loadMs: 700 });
    await flock.grow(3);
    const behind = flock.followers[0] as FlockNode;
    flock.cut(behind);
    await flock.pass(500);
    for (let i = 0; i < 300; i++) {
      void flock.leader.propose(`k${i}=1`);
      await flock.pass(3);
    }
    await flock.pass(500);
    const writtenMs = flock.clock.monotonicMs();
    flock.heal();
    let unknown = 0;
    let isWhole = false;
    let barrier = "";
    for (let step = 0; step < 4000 && !isWhole; step++) {
      await flock.step();
      const ageMs = behind.cluster.stalenessMs();
      isWhole = behind.machine.digest() === flock.leader.machine.digest();
      unknown += ageMs === Number.POSITIVE_INFINITY ? 1 : 0;
      if (unknown === 1 && barrier === "") {
        barrier = "waits";
        void behind.cluster.readBarrier(5000).then((outcome) => {
          const isMissing = behind.machine.values.size < flock.leader.machine.values.size;
          barrier = `${outcome}, ${isMissing ? "too early" : "in time"}`;
        });
      }
      if (!isWhole) expect(flock.clock.monotonicMs() - ageMs).toBeLessThan(writtenMs);
    }
    expect(isWhole).toBe(true);
    expect(unknown).toBeGreaterThan(5);
    await flock.pass(500);
    expect(barrier).toBe("ok, in time");
    expect(behind.cluster.stalenessMs()).toBeLessThan(150);
  });
});
