import { describe, expect, test } from "vitest";
import { type FlockNode, MemoryFlock } from "../../support/memory-flock.ts";

const bytesPerSecond = 512 * 1024;
const values = 24;
const valueSizeBytes = 64 * 1024;
const stateSizeBytes = values * valueSizeBytes;

/** One node with a state of 1.5 MiB, which takes three seconds to send. */
async function flockWithState(): Promise<MemoryFlock> {
  const flock = new MemoryFlock({
    snapshotBytesPerSecondMax: bytesPerSecond,
    logWindow: { sizeBytesMax: 1, entriesMax: 1, keptSizeBytes: 0, keptEntries: 0 },
  });
  await flock.grow(1);
  for (let i = 0; i < values; i++) {
    await flock.settle(flock.leader.propose(`k${i}=${"x".repeat(valueSizeBytes)}`));
  }
  return flock;
}

const sentBytes = (node: FlockNode): number => node.counters.get("snapshot_sent_bytes");

/** A second node that has got about a third of the state. */
async function joinHalfway(flock: MemoryFlock): Promise<FlockNode> {
  const joiner = await flock.join();
  await flock.until(() => sentBytes(flock.leader) > bytesPerSecond, "a part is sent");
  return joiner;
}

function keysOf(node: FlockNode): number {
  return [...node.machine.values.keys()].filter((key) => key.startsWith("k")).length;
}

describe("a snapshot", () => {
  test("takes as long as the rate asks for, in chunks", async () => {
    const flock = await flockWithState();
    const beganMs = flock.clock.monotonicMs();
    const joiner = await flock.join();
    await flock.until(() => joiner.isMember && keysOf(joiner) === values, "it has the state");
    const tookMs = flock.clock.monotonicMs() - beganMs;
    expect(tookMs).toBeGreaterThan((stateSizeBytes / bytesPerSecond) * 1000 - 150);
    expect(tookMs).toBeLessThan((stateSizeBytes / bytesPerSecond) * 1000 + 2000);
    await flock.converged();
  });

  test("goes on behind the last chunk after a broken link, from the same view", async () => {
    const flock = await flockWithState();
    const { leader } = flock;
    const joiner = await joinHalfway(flock);
    flock.network.reset(leader.nodeId, joiner.nodeId);
    await flock.settle(leader.propose("k0=newer"));
    await flock.until(() => leader.counters.get("snapshots_sent") === 1, "it is sent");
    expect(leader.counters.get("snapshots_resumed")).toBe(1);
    // Only what was under way when the link broke travels twice.
    expect(sentBytes(leader)).toBeLessThan(stateSizeBytes * 1.25);
    await flock.converged();
    expect(joiner.machine.values.get("k0")).toBe("newer");
    expect(keysOf(joiner)).toBe(values);
  });

  test("begins anew when the link is back too late", async () => {
    const flock = await flockWithState();
    const { leader } = flock;
    const joiner = await joinHalfway(flock);
    flock.network.split([leader.nodeId], [joiner.nodeId]);
    flock.network.reset(leader.nodeId, joiner.nodeId);
    await flock.pass(61_000);
    flock.network.healAll();
    await flock.until(() => leader.counters.get("snapshots_sent") === 1, "it is sent");
    expect(leader.counters.get("snapshots_resumed")).toBe(0);
    expect(sentBytes(leader)).toBeGreaterThan(stateSizeBytes * 1.25);
    await flock.converged();
  });

  test("begins anew when the log has moved on past it", async () => {
    const flock = await flockWithState();
    const { leader } = flock;
    const joiner = await joinHalfway(flock);
    flock.network.split([leader.nodeId], [joiner.nodeId]);
    flock.network.reset(leader.nodeId, joiner.nodeId);
    for (let i = 0; i < 10; i++) await flock.settle(leader.propose(`k${i}=newer`));
    await flock.settle(leader.cluster.compactLog(leader.nodeId));
    flock.network.healAll();
    await flock.until(() => leader.counters.get("snapshots_sent") === 1, "it is sent");
    expect(leader.counters.get("snapshots_resumed")).toBe(0);
    await flock.converged();
    expect(joiner.machine.values.get("k9")).toBe("newer");
  });

  test("that its receiver's death ends leaves the state from before it, and begins anew", async () => {
    const flock = await flockWithState();
    const joiner = await flock.join();
    await flock.settled(2);
    await flock.converged();
    joiner.crash();
    for (let i = 0; i < values; i++) {
      await flock.settle(flock.leader.propose(`k${i}=${"y".repeat(valueSizeBytes)}`));
    }
    await flock.settle(flock.leader.cluster.compactLog(flock.leader.nodeId));
    const before = sentBytes(flock.leader);
    await joiner.start();
    await flock.until(() => sentBytes(flock.leader) > before + bytesPerSecond, "a part is sent");
    joiner.crash();
    const old = joiner.disk.records().filter(({ key }) => key.startsWith("a/k"));
    expect(old).toHaveLength(values);
    expect(old.every(({ value }) => value?.[0] === "x".charCodeAt(0))).toBe(true);
    await joiner.start();
    // The core counts a snapshot as applied before it is installed and loaded.
    await flock.until(() => joiner.isMember && joiner.cluster.isReady(), "it is ready");
    await flock.converged();
    expect(flock.leader.counters.get("snapshots_resumed")).toBe(0);
    expect(joiner.machine.values.get("k5")?.[0]).toBe("y");
  });
});
