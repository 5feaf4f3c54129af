import { describe, expect, test } from "vitest";
import { MemoryFlock } from "../../support/memory-flock.ts";

describe("how a cluster comes about", () => {
  test("a founder leads at once and applies what it proposes", async () => {
    const flock = new MemoryFlock();
    const node = await flock.add();
    await flock.until(() => node.isLeader, "it leads", 100);
    const outcome = await flock.settle(node.propose("a=1"));
    expect(outcome).toMatchObject({ status: "applied", result: null });
    expect(node.cluster.name).toBe("n1");
  });

  test("a node joins by address and holds the state", async () => {
    const flock = new MemoryFlock();
    const founder = await flock.add();
    await flock.until(() => founder.isLeader, "it leads");
    await flock.settle(founder.propose("a=1"));
    const joined = await flock.join();
    await flock.settled(2);
    expect(joined.machine.values.get("a")).toBe("1");
    expect(joined.cluster.name).toBe("n2");
    expect(joined.cluster.clusterId).toBe(founder.cluster.clusterId);
  });

  test("eight nodes join at once; five of nine vote", async () => {
    const flock = new MemoryFlock();
    const founder = await flock.add();
    const formation = flock.joining();
    for (let i = 0; i < 8; i++) await flock.add({ formation });
    await flock.settled(9);
    const names = founder.cluster.members().map((member) => member.name);
    expect(names.sort()).toEqual(["n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8", "n9"]);
    await flock.converged();
  });

  test.each([2, 3, 5])("%i nodes that expect each other found one cluster", async (count) => {
    const flock = new MemoryFlock({ seed: count });
    const addresses = Array.from({ length: count }, (_, i) => `memory:${7001 + i}`);
    for (let i = 0; i < count; i++) {
      await flock.add({ formation: { kind: "expect", count, addresses, isDiscovering: false } });
    }
    await flock.settled(count);
    expect(new Set(flock.nodes.map((node) => node.cluster.clusterId)).size).toBe(1);
  });

  test("fewer nodes than expected found nothing", async () => {
    const flock = new MemoryFlock();
    const addresses = ["memory:7001", "memory:7002", "memory:7003"];
    for (let i = 0; i < 2; i++) {
      await flock.add({ formation: { kind: "expect", count: 3, addresses, isDiscovering: false } });
    }
    await flock.pass(20_000);
    expect(flock.nodes.some((node) => node.isMember)).toBe(false);
    expect(flock.nodes[0]?.warnings).toContain(
      "no cluster found yet, still trying; this node does not form one by itself",
    );
  });

  test("clusters with different secrets never mix", async () => {
    const flock = new MemoryFlock();
    const one = await flock.add();
    const two = await flock.add({ secret: Buffer.from("another secret of enough bytes") });
    await flock.until(() => one.isLeader && two.isLeader, "both lead");
    const stranger = await flock.add({
      secret: Buffer.from("another secret of enough bytes"),
      formation: { kind: "join", addresses: ["memory:7001"], isDiscovering: false },
    });
    await flock.pass(10_000);
    expect(stranger.isMember).toBe(false);
    expect(one.cluster.members()).toHaveLength(1);
    expect(one.cluster.clusterId).not.toBe(two.cluster.clusterId);
  });

  test("a member that comes back under a new id waits until the old one is down, and takes its place", async () => {
    const flock = new MemoryFlock();
    await flock.grow(2);
    const old = await flock.join("kite");
    await flock.settled(3);
    const addresses = ["memory:7001"];
    const former = { nodeId: old.nodeId, name: "kite" };
    const back = await flock.add({
      formation: { kind: "join", addresses, isDiscovering: false, former },
    });
    await flock.pass(3000);
    expect(back.isMember).toBe(false);
    old.crash();
    await flock.until(() => back.isMember, "it is a member again");
    expect(back.cluster.name).toBe("kite");
    await flock.settled(3);
    const members = flock.leader.cluster.members();
    expect(members.filter(({ name }) => name === "kite")).toMatchObject([{ nodeId: back.nodeId }]);
  });

  test("a name that a live member has is refused; one of a dead member may be taken", async () => {
    const flock = new MemoryFlock();
    await flock.grow(1);
    const first = await flock.join("kite");
    await flock.settled(2);
    const second = await flock.join("kite");
    await flock.until(() => second.failure !== null, "it is refused");
    expect(second.failure).toMatchObject({ code: "name-taken" });
    expect(second.failure?.message).toContain("another live member is called kite");
    await second.stop();
    first.crash();
    await flock.pass(6000);
    const third = await flock.join("kite");
    await flock.until(() => third.isMember, "it may join");
    expect(third.cluster.name).toBe("kite");
  });

  test("a node stopped while it looks for a cluster says so", async () => {
    const flock = new MemoryFlock();
    const formation = { kind: "join", addresses: ["memory:7001"], isDiscovering: false } as const;
    const lost = await flock.add({ formation });
    await flock.pass(1000);
    const { starting } = lost.process ?? {};
    const ended = flock.settle(
      starting?.cluster.then(
        () => null,
        (error) => error,
      ) ?? Promise.reject(),
    );
    await flock.settle(lost.stop());
    lost.process = null;
    expect(await ended).toMatchObject({ code: "stopped" });
  });
});
