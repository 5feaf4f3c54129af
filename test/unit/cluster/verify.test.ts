import { describe, expect, test } from "vitest";
import { judge, type ReplicaProof } from "../../../cluster/agreed/verdict.ts";
import { defaultGroup } from "../../../cluster/raft/types.ts";
import { type FlockNode, MemoryFlock } from "../../support/memory-flock.ts";

async function flockOfThree(): Promise<MemoryFlock> {
  const flock = new MemoryFlock();
  await flock.grow(3);
  await flock.settle(flock.leader.propose("a=1"));
  await flock.converged();
  return flock;
}

function codesOf(node: FlockNode): unknown[] {
  return node.fatal.map((error) => (error as { code?: string }).code);
}

/** Something writes to the disk of one node past its log. */
function scribble(node: FlockNode): void {
  const { appliedIndex, appliedTerm, configuration } = node.disk.start();
  const writes = [{ key: "a/a", value: Buffer.from("other") }];
  node.disk.apply({
    groupId: defaultGroup,
    applied: { index: appliedIndex, term: appliedTerm, configuration, writes },
  });
}

describe("verification", () => {
  test("says at which index how many replicas were compared", async () => {
    const flock = await flockOfThree();
    const status = await flock.settle(flock.leader.cluster.verify());
    expect(status.reasons).toEqual([]);
    expect(status.inSync).toBe(true);
    expect(status.verified).toEqual({ index: status.nodes[0]?.appliedIndex, replicas: 3 });
  });

  test("finds a replica whose memory differs; it is condemned, and no other is", async () => {
    const flock = await flockOfThree();
    const wrong = flock.followers[0] as FlockNode;
    wrong.machine.values.set("a", "other");
    await flock.settle(flock.leader.propose("b=2"));
    const status = await flock.settle(flock.leader.cluster.verify());
    expect(status.inSync).toBe(false);
    expect(status.reasons.join()).toContain("differs in content from the majority");
    await flock.until(() => wrong.fatal.length > 0, "it ends itself");
    expect(flock.running.map(codesOf)).toEqual(
      flock.running.map((node) => (node === wrong ? ["storage-corrupt"] : [])),
    );
  });

  test("finds records on disk that are not those applied, which the running digest cannot see", async () => {
    const flock = await flockOfThree();
    const { leader } = flock;
    await flock.pass(100);
    scribble(leader);
    const asked = flock.followers[0] as FlockNode;
    const plain = await flock.settle(asked.cluster.status());
    expect(plain.inSync).toBe(true);
    const status = await flock.settle(asked.cluster.verify());
    expect(status.reasons).toEqual([
      expect.stringContaining(`${leader.cluster.name} holds other records on disk`),
    ]);
    await flock.until(() => leader.fatal.length > 0, "the leader ends itself");
    expect(codesOf(leader)).toEqual(["storage-corrupt"]);
  });

  test("a replica that was found wrong confirms no read and is not ready", async () => {
    const flock = await flockOfThree();
    const wrong = flock.followers[0] as FlockNode;
    wrong.machine.values.set("a", "other");
    await flock.settle(flock.leader.propose("b=2"));
    await flock.settle(flock.leader.cluster.verify());
    // Silent by the time that the answer is there.
    expect(wrong.cluster.isReady()).toBe(false);
    expect(wrong.cluster.readiness()).toContainEqual({ name: "content", isOk: false });
    expect(wrong.counters.get("replica_condemned")).toBe(1);
    expect(await flock.settle(wrong.cluster.readBarrier(1000))).toBe("no-quorum");
  });

  test("without a quorum proves nothing and says so", async () => {
    const flock = await flockOfThree();
    const asked = flock.followers[0] as FlockNode;
    for (const node of flock.running) if (node !== asked) node.crash();
    const status = await flock.settle(asked.cluster.verify());
    expect([status.inSync, status.verified]).toEqual([false, undefined]);
    expect(status.reasons.at(-1)).toContain("not verified");
  });
});

describe("a log cut on request", () => {
  test("begins at what is applied on every node, and a newcomer still gets everything", async () => {
    const flock = await flockOfThree();
    for (let i = 0; i < 20; i++) await flock.settle(flock.leader.propose(`k${i}=${i}`));
    await flock.converged();
    await flock.pass(100);
    const cut = await flock.settle(flock.leader.cluster.compactLog(null));
    const applied = flock.leader.gauge("raft_applied_index");
    expect(cut.map(({ index }) => index)).toEqual([applied, applied, applied]);
    await flock.pass(100);
    expect(flock.nodes.map((node) => node.disk.start().entries.length)).toEqual([0, 0, 0]);
    const again = await flock.settle(flock.leader.cluster.compactLog(flock.leader.nodeId));
    expect(again).toEqual([{ name: flock.leader.cluster.name, index: applied }]);
    await flock.grow(4);
    await flock.converged();
  });
});

describe("the verdict", () => {
  const proof = (digest: string, changes: Partial<ReplicaProof> = {}): ReplicaProof => ({
    digest,
    storedIndex: 9,
    storedDigest: digest,
    runningDigest: digest,
    damage: null,
    ...changes,
  });
  const of = (...proofs: (ReplicaProof | null)[]) =>
    judge(
      proofs.map((each, at) => ({ nodeId: `${at}`, name: `n${at}`, isVoter: true, proof: each })),
      9,
    );

  test("calls nobody wrong when no majority is right", () => {
    expect(of(proof("a"), proof("b"))).toEqual({
      reasons: ["no majority of voters holds the same content at index 9"],
      wrong: new Map(),
    });
    expect(of(proof("a"), proof("a", { damage: "x" }), null).wrong.size).toBe(0);
    expect(of(proof("a", { damage: "x" })).wrong.size).toBe(0);
  });

  test("calls those wrong that a majority can do without", () => {
    expect([...of(proof("a"), proof("b"), proof("a")).wrong.keys()]).toEqual(["1"]);
    const damaged = of(proof("a"), proof("a"), proof("a", { damage: "CRC mismatch" }));
    expect([...damaged.wrong]).toEqual([["2", "cannot read its records: CRC mismatch"]]);
  });

  test("is no verdict on who did not answer", () => {
    expect(of(proof("a"), proof("a"), null)).toEqual({
      reasons: ["n2 did not prove its content"],
      wrong: new Map(),
    });
  });
});
