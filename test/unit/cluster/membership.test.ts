import { describe, expect, test } from "vitest";
import { type FlockNode, MemoryFlock } from "../../support/memory-flock.ts";

function voters(flock: MemoryFlock): string[] {
  const members = flock.leader.cluster.members().filter((member) => member.isVoter);
  return members.map((member) => member.name).sort();
}

async function remove(flock: MemoryFlock, at: FlockNode, node: FlockNode): Promise<void> {
  await flock.settle(at.cluster.removeMember(node.nodeId));
}

describe("who votes", () => {
  test("1, 1, 3, 3, 5 voters for as many nodes; a sixth stays a learner", async () => {
    const flock = new MemoryFlock();
    for (const count of [1, 2, 3, 4, 5, 6]) {
      await flock.grow(count);
      expect(voters(flock)).toHaveLength(count % 2 === 0 ? count - 1 : count);
    }
    await flock.converged();
  });

  test("a learner takes the place of a voter that stays down", async () => {
    const flock = new MemoryFlock();
    await flock.grow(4);
    const learner = flock.running.find((node) => !voters(flock).includes(node.cluster.name));
    const dead = flock.followers.find((node) => node !== learner) as FlockNode;
    const name = dead.cluster.name;
    dead.crash();
    await flock.until(
      () =>
        flock.findLeader() !== null && !voters(flock).includes(name) && voters(flock).length === 3,
      "it is replaced",
    );
    expect(voters(flock)).toContain(learner?.cluster.name);
    expect(flock.clock.monotonicMs()).toBeGreaterThan(10_000);
    await dead.start();
    await flock.settled(4);
    await flock.converged();
  });

  test("are spread over zones, also when a node of a new zone comes last", async () => {
    const flock = new MemoryFlock();
    const founder = await flock.add({ zone: "a" });
    await flock.until(() => founder.isLeader, "the founder leads");
    for (const zone of ["a", "a"]) await flock.add({ formation: flock.joining(), zone });
    await flock.settled(3);
    const last = await flock.add({ formation: flock.joining(), zone: "b" });
    await flock.until(
      () => last.isMember && voters(flock).includes(last.cluster.name),
      "the node of the other zone votes",
    );
    await flock.settled(4);
    expect(voters(flock)).toHaveLength(3);
    await flock.pass(5000);
    expect(voters(flock)).toContain(last.cluster.name);
    await flock.converged();
    const { nodes } = await flock.settle(last.cluster.status());
    expect(nodes.map(({ zone }) => zone).sort()).toEqual(["a", "a", "a", "b"]);
  });
});

describe("removal", () => {
  test.each(["dead", "promoted"] as const)(
    "of the %s node waits for the exchange of voters that is under way",
    async (which) => {
      const flock = new MemoryFlock();
      await flock.grow(4);
      const learner = flock.running.find((node) => !voters(flock).includes(node.cluster.name));
      const dead = flock.followers.find((node) => node !== learner) as FlockNode;
      const promoted = (learner as FlockNode).cluster.name;
      dead.crash();
      await flock.until(
        () => flock.findLeader() !== null && voters(flock).includes(promoted),
        "the exchange has begun",
      );
      await remove(flock, flock.leader, which === "dead" ? dead : (learner as FlockNode));
      // Three members call for three voters; the dead one cannot be one, so that two are all there are.
      const left = which === "dead" ? 3 : 2;
      await flock.until(() => voters(flock).length === left, `${left} voters`);
      expect(flock.leader.cluster.members()).toHaveLength(3);
      await flock.settle(flock.leader.propose("k=1"));
    },
  );

  test("a follower that is removed learns of it, and is refused when it returns", async () => {
    const flock = new MemoryFlock();
    await flock.grow(4);
    const gone = flock.followers[0] as FlockNode;
    await remove(flock, flock.leader, gone);
    await flock.until(() => gone.fatal.length > 0, "it learns of its removal");
    expect(gone.fatal.map((error) => (error as { code?: string }).code)).toEqual(["node-removed"]);
    gone.crash();
    await flock.settled(3);
    await gone.start();
    await flock.until(() => gone.failure !== null || gone.fatal.length > 1, "it is refused");
    gone.crash();
    await flock.converged();
  });

  test("a node removed while it was down learns of it when it returns", async () => {
    const flock = new MemoryFlock();
    await flock.grow(4);
    const gone = flock.followers[0] as FlockNode;
    gone.crash();
    await flock.pass(6000);
    await remove(flock, flock.leader, gone);
    await flock.settled(3);
    await gone.start();
    await flock.until(() => gone.failure !== null || gone.fatal.length > 0, "it is refused");
    expect(gone.failure ?? gone.fatal[0]).toMatchObject({ code: "node-removed" });
  });

  test("the leader is removed by its successor", async () => {
    const flock = new MemoryFlock();
    await flock.grow(3);
    const old = flock.leader;
    const other = flock.followers[0] as FlockNode;
    await remove(flock, old, old);
    await flock.until(() => old.fatal.length > 0, "it learns of its removal");
    old.crash();
    await flock.until(() => other.cluster.members().length === 2, "two are left");
    await flock.until(() => flock.findLeader() !== null, "one of them leads");
    expect(await flock.settle(other.propose("a=1"))).toMatchObject({ status: "applied" });
  });

  test("a removal that would leave less than a majority alive is refused", async () => {
    const flock = new MemoryFlock();
    await flock.grow(3);
    const [one, two] = flock.followers as [FlockNode, FlockNode];
    one.crash();
    await flock.pass(6000);
    const answer = flock.leader.cluster.removeMember(two.nodeId);
    await expect(flock.settle(answer)).rejects.toMatchObject({ code: "change-refused" });
    await remove(flock, two, one);
    await flock.until(() => two.cluster.members().length === 2, "the dead one is removed");
  });

  test("what the leader refuses is refused with the same code at every node", async () => {
    const flock = new MemoryFlock();
    await flock.grow(4);
    const isVoting = (node: FlockNode): boolean => voters(flock).includes(node.cluster.name);
    const [follower, other] = flock.followers.filter(isVoting) as [FlockNode, FlockNode];
    const learner = flock.followers.find((node) => !isVoting(node)) as FlockNode;
    const refusal = { code: "change-refused" };
    await expect(
      flock.settle(follower.cluster.transferLeadership(learner.nodeId)),
    ).rejects.toMatchObject(refusal);
    other.crash();
    await flock.pass(3000);
    await expect(
      flock.settle(follower.cluster.removeMember(follower.nodeId)),
    ).rejects.toMatchObject(refusal);
  });

  test("requests to remove at any node reach the leader; an unknown id is an error", async () => {
    const flock = new MemoryFlock();
    await flock.grow(3);
    const follower = flock.followers[0] as FlockNode;
    await expect(flock.settle(follower.cluster.removeMember("0".repeat(32)))).rejects.toMatchObject(
      { code: "unknown-node" },
    );
  });

  test("a member that lost its disk is refused under its old id", async () => {
    const flock = new MemoryFlock();
    await flock.grow(3);
    const lost = flock.followers[0] as FlockNode;
    lost.crash();
    lost.wipe(flock.joining());
    await lost.start();
    await flock.until(() => lost.failure !== null, "it is refused");
    expect(lost.failure?.message).toContain("its database is gone");
  });
});

describe("restart", () => {
  test("of one node, of all nodes: everything is still there", async () => {
    const flock = new MemoryFlock();
    await flock.grow(3);
    for (let i = 0; i < 20; i++) await flock.settle(flock.leader.propose(`k${i}=${i}`));
    const one = flock.followers[0] as FlockNode;
    one.crash("kept");
    await one.start();
    await flock.settled(3);
    for (const node of flock.nodes) node.crash();
    for (const node of flock.nodes) await node.start();
    await flock.settled(3);
    await flock.converged();
    for (const node of flock.nodes) {
      expect(node.machine.values.size).toBe(20);
      expect(node.cluster.incarnation).toBe(node === one ? 3 : 2);
      expect(node.fatal).toEqual([]);
    }
  });

  test("a restarted node's new address is known to the others", async () => {
    const flock = new MemoryFlock();
    await flock.grow(2);
    const [one, two] = flock.nodes as [FlockNode, FlockNode];
    const addressOf = (): string | undefined =>
      one.cluster.members().find((member) => member.nodeId === two.nodeId)?.addresses[0];
    two.crash();
    two.port = 7100;
    await two.start();
    await flock.until(() => addressOf() === "memory:7100", "its new address is in the log");
  });

  test("stop hands leadership over, so that writes go on at once", async () => {
    const flock = new MemoryFlock();
    await flock.grow(3);
    const old = flock.leader;
    const other = flock.followers[0] as FlockNode;
    const startMs = flock.clock.monotonicMs();
    const stopped = flock.settle(old.stop());
    const outcome = await flock.settle(other.propose("a=1"));
    expect(outcome.status).toBe("applied");
    expect(flock.clock.monotonicMs() - startMs).toBeLessThan(300);
    await stopped;
    await flock.until(() => flock.findLeader() !== null, "another one leads", 500);
  });
});

describe("status", () => {
  test("in sync when all agree, and says why when they do not", async () => {
    const flock = new MemoryFlock();
    await flock.grow(3);
    await flock.settle(flock.leader.propose("a=1"));
    for (const node of flock.nodes) {
      expect(await flock.settle(node.cluster.status())).toMatchObject({
        ...{ inSync: true, quorum: true, reasons: [], leader: flock.leader.cluster.name },
      });
    }
    const gone = flock.followers[0] as FlockNode;
    const name = gone.cluster.name;
    gone.crash();
    await flock.pass(6000);
    const status = await flock.settle(flock.leader.cluster.status());
    expect(status).toMatchObject({ inSync: false, quorum: true, reasons: [`${name} is down`] });
    flock.followers[0]?.crash();
    await flock.pass(2000);
    const alone = await flock.settle((flock.running[0] as FlockNode).cluster.status());
    expect(alone).toMatchObject({ inSync: false, quorum: false, leader: null });
    expect(alone.reasons[0]).toContain("no quorum");
  });

  test("a replica whose content differs is found", async () => {
    const flock = new MemoryFlock();
    await flock.grow(3);
    (flock.followers[0] as FlockNode).machine.values.set("slipped", "in");
    await flock.settle(flock.leader.propose("a=1"));
    const status = await flock.settle(flock.leader.cluster.status());
    expect(status.inSync).toBe(false);
    expect(status.reasons.join()).toContain("in content at index");
  });
});
