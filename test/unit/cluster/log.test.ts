import { describe, expect, test } from "vitest";
import { FlockChecker } from "../../support/flock-checker.ts";
import { type FlockNode, MemoryFlock } from "../../support/memory-flock.ts";

const shortLog = { sizeBytesMax: 1e6, entriesMax: 130, keptSizeBytes: 5e5, keptEntries: 64 };

async function write(flock: MemoryFlock, checker: FlockChecker, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const { outcome } = checker.propose(flock.leader, `k${i % 40}`);
    expect(outcome).toBeNull();
    await flock.pass(3);
  }
  await checker.answered();
}

describe("proposals", () => {
  test("in flight while the leader dies: each applied once, in order", async () => {
    const flock = new MemoryFlock();
    await flock.grow(3);
    const checker = new FlockChecker(flock);
    const [one, two] = flock.followers as [FlockNode, FlockNode];
    for (let round = 0; round < 50; round++) {
      for (const node of [one, two]) checker.propose(node, `k${round}`);
      if (round === 25) flock.leader.crash("kept");
      await flock.pass(1);
    }
    await checker.answered();
    checker.checkHistory();
    checker.checkState();
    expect(checker.operations.every(({ outcome }) => outcome?.status === "applied")).toBe(true);
  });

  test("of a minority are unknown, and after healing applied once or never", async () => {
    const flock = new MemoryFlock();
    await flock.grow(3);
    const checker = new FlockChecker(flock);
    const old = flock.leader;
    flock.cut(old);
    const lost = [1, 2, 3].map((number) => checker.propose(old, `lost${number}`, 1000));
    await flock.until(() => ![old, null].includes(flock.findLeader()), "another one leads");
    const kept = checker.propose(flock.leader, "kept", 1000);
    await flock.pass(1500);
    for (const { outcome } of lost)
      expect(outcome).toEqual({ status: "unknown", reason: "timeout" });
    expect(kept.outcome).toMatchObject({ status: "applied" });
    expect(old.cluster.hasQuorum()).toBe(false);
    expect(await flock.settle(old.cluster.readBarrier(500))).toBe("no-quorum");
    flock.heal();
    await flock.settled(3);
    await flock.converged();
    checker.checkHistory();
    checker.checkState();
  });

  test("that the leader refused come again in their order, within 200 ms", async () => {
    const flock = new MemoryFlock();
    await flock.grow(3);
    const checker = new FlockChecker(flock);
    const follower = flock.followers[0] as FlockNode;
    // While leadership moves the old leader refuses, and some of what follows reaches the new one first.
    for (let round = 0; round < 5; round++) {
      const moved = flock.leader.cluster.transferLeadership(null).catch(() => null);
      for (let i = 0; i < 10; i++) {
        checker.propose(follower, `k${round}`);
        await flock.pass(0.5);
      }
      await flock.settle(moved);
      const startMs = flock.clock.monotonicMs();
      await checker.answered();
      expect(flock.clock.monotonicMs() - startMs).toBeLessThan(200);
    }
    checker.checkHistory();
    expect(checker.operations.every(({ outcome }) => outcome?.status === "applied")).toBe(true);
  });

  test("that are too large or come after the end are rejected", async () => {
    const flock = new MemoryFlock();
    const [node] = (await flock.grow(1)) as [FlockNode];
    const { cluster } = node;
    const large = new Promise((resolve) => {
      cluster.propose(Buffer.alloc(9 * 1024 * 1024), 1000, resolve);
    });
    expect(await flock.settle(large)).toEqual({ status: "rejected", reason: "too-large" });
    await flock.settle(cluster.stop(1000));
    const late = new Promise((resolve) => {
      cluster.propose(Buffer.from("a=1"), 1000, resolve);
    });
    expect(await flock.settle(late)).toEqual({ status: "rejected", reason: "stopped" });
    expect(await flock.settle(cluster.readBarrier(1000))).toBe("no-quorum");
  });
});

describe("snapshots", () => {
  test("a follower that fell behind the log gets one and goes on", async () => {
    const flock = new MemoryFlock({ logWindow: shortLog });
    await flock.grow(3);
    const checker = new FlockChecker(flock);
    const slow = flock.followers[0] as FlockNode;
    const before = slow.counters.get("snapshots_received");
    flock.cut(slow);
    checker.propose(slow, "lost", 500);
    await write(flock, checker, 300);
    flock.heal();
    checker.propose(slow, "held", 20_000);
    await flock.settled(3);
    await flock.converged();
    expect(slow.counters.get("snapshots_received")).toBe(before + 1);
    await checker.answered();
    expect(await flock.settle(slow.cluster.readBarrier(1000))).toBe("ok");
    expect(checker.propose(slow, "after").outcome).toBeNull();
    await checker.answered();
    // Its own node has applied it; the others may hear of the commit a moment later.
    await flock.converged();
    checker.checkHistory();
    checker.checkState();
    expect(flock.nodes.flatMap((node) => node.fatal)).toEqual([]);
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])("writes go on while one is installed (%i)", async (seed) => {
    const flock = new MemoryFlock({ logWindow: shortLog, seed });
    await flock.grow(3);
    const checker = new FlockChecker(flock);
    const slow = flock.followers[0] as FlockNode;
    slow.crash();
    await write(flock, checker, 200);
    await slow.start();
    for (let i = 0; i < 400; i++) {
      checker.propose(flock.leader, `more${i % 7}`);
      await flock.pass(0.7);
    }
    await checker.answered();
    await flock.converged();
    checker.checkHistory();
    checker.checkState();
    expect(slow.counters.get("snapshots_received")).toBe(1);
    expect(slow.fatal).toEqual([]);
  });

  test("a crash at any moment of an install leaves the old state or the new one", async () => {
    const flock = new MemoryFlock({ logWindow: shortLog });
    await flock.grow(3);
    const checker = new FlockChecker(flock);
    const slow = flock.followers[0] as FlockNode;
    slow.crash();
    await write(flock, checker, 300);
    for (let moment = 0; moment < 40; moment++) {
      await slow.start();
      await flock.pass(moment / 2);
      slow.crash(moment % 2 === 0 ? "kept" : "lost");
    }
    await slow.start();
    await flock.settled(3);
    await flock.converged();
    checker.checkHistory();
    checker.checkState();
    expect(slow.fatal).toEqual([]);
  });

  test("elections go by while a large one is loaded", async () => {
    const flock = new MemoryFlock({ logWindow: shortLog, loadMs: 3000 });
    await flock.grow(3);
    const checker = new FlockChecker(flock);
    const slow = flock.followers[0] as FlockNode;
    flock.cut(slow);
    await write(flock, checker, 300);
    flock.heal();
    const received = slow.counters.get("snapshots_received");
    await flock.until(() => slow.counters.get("snapshots_received") > received, "it has arrived");
    await flock.pass(10);
    for (let round = 0; round < 3; round++) {
      await flock.settle(flock.leader.cluster.transferLeadership(null).catch(() => null));
      await flock.pass(300);
    }
    await flock.settled(3);
    await flock.converged();
    checker.checkHistory();
    checker.checkState();
    expect(flock.nodes.flatMap((node) => node.fatal)).toEqual([]);
  });

  test("a change of leaders in the middle of one", async () => {
    const flock = new MemoryFlock({ logWindow: shortLog });
    await flock.grow(3);
    const checker = new FlockChecker(flock);
    for (let round = 0; round < 4; round++) {
      const slow = flock.followers[0] as FlockNode;
      slow.crash();
      await write(flock, checker, 200);
      await slow.start();
      await flock.pass(2 + round * 2);
      const old = flock.leader;
      old.crash("kept");
      await flock.pass(1500);
      await old.start();
      await flock.settled(3);
    }
    await flock.converged();
    checker.checkHistory();
    checker.checkState();
    expect(flock.nodes.flatMap((node) => node.fatal)).toEqual([]);
  });
});

describe("a node that nobody votes with", () => {
  test("knows by itself that it is in step, until another votes or it has stopped", async () => {
    const flock = new MemoryFlock();
    await flock.grow(1);
    const checker = new FlockChecker(flock);
    const { cluster } = flock.leader;
    expect(cluster.isInStep()).toBe(true);
    checker.propose(flock.leader, "k");
    await checker.answered();
    expect(cluster.isInStep()).toBe(true);
    // With two members it stays the only voter, and the learner has to ask.
    await flock.grow(2);
    const isInStep = (): boolean[] => flock.nodes.map((node) => node.cluster.isInStep());
    expect(isInStep()).toEqual([true, false]);
    await flock.grow(3);
    expect(isInStep()).toEqual([false, false, false]);
  });
});
