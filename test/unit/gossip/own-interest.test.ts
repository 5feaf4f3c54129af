import { describe, expect, it } from "vitest";
import { AckBarrier } from "../../../cluster/gossip/ack-barrier.ts";
import { DeathCertificates } from "../../../cluster/gossip/death-certificates.ts";
import { DigestSum } from "../../../cluster/gossip/digest.ts";
import { InterestSource } from "../../../cluster/gossip/interest-source.ts";
import { OperationRing } from "../../../cluster/gossip/operation-ring.ts";
import { OwnInterest } from "../../../cluster/gossip/own-interest.ts";
import { digestOfRoutes } from "../../../cluster/gossip/routes-digest.ts";
import { idOf } from "../../support/peer-network.ts";

const limits = {
  keysMax: 3,
  keySizeBytesMax: 10,
  ringOperationsMax: 4,
  ringCharactersMax: 100,
};

describe("own interest", () => {
  it("turns what a turn set into numbered operations, and only real changes", () => {
    const own = new OwnInterest(1, limits);
    own.set("a", 1);
    own.set("b", 1);
    own.set("b", 0);
    expect(own.commit()).toEqual({ fromSeq: 1, operations: [{ key: "a", weight: 1 }] });
    own.set("a", 1);
    expect(own.commit()).toBeNull();
    own.set("a", 2);
    expect(own.commit()).toEqual({ fromSeq: 2, operations: [{ key: "a", weight: 2 }] });
    expect(own.seq).toBe(2);
  });

  it("refuses keys that are too long or not well-formed, and weights that are no count", () => {
    const own = new OwnInterest(1, limits);
    expect(own.set("0123456789", 1)).toBe("pending");
    expect(own.set("0123456789a", 1)).toBe("invalid-key");
    expect(own.set("ééééé", 1)).toBe("pending");
    expect(own.set("éééééé", 1)).toBe("invalid-key");
    expect(own.set("\ud800", 1)).toBe("invalid-key");
    expect(own.set("a", -1)).toBe("invalid-weight");
    expect(own.set("a", 0.5)).toBe("invalid-weight");
    expect(own.set("a", 2 ** 32)).toBe("invalid-weight");
  });

  it("holds no more keys than its limit; withdrawals of the same turn make room", () => {
    const own = new OwnInterest(1, limits);
    for (const key of ["a", "b", "c", "d"]) own.set(key, 1);
    expect(own.commit()?.operations).toHaveLength(3);
    expect(own.rejectedCount).toBe(1);
    own.set("d", 1);
    own.set("a", 0);
    own.commit();
    expect(own.snapshot().entries.map(({ key }) => key)).toEqual(["b", "c", "d"]);
    own.set("b", 7);
    own.commit();
    expect(own.rejectedCount).toBe(1);
  });
});

describe("operation ring", () => {
  it("keeps the last operations, bounded in number and characters", () => {
    const ring = new OperationRing(4, 10);
    expect(ring.covers(0)).toBe(true);
    for (let i = 1; i <= 6; i += 1) ring.push({ key: `k${i}`, weight: 1 });
    expect(ring.covers(1)).toBe(false);
    expect(ring.covers(2)).toBe(true);
    expect(ring.covers(7)).toBe(false);
    expect(ring.at(3)?.key).toBe("k3");
    expect(ring.at(2)).toBeUndefined();
    ring.push({ key: "12345678", weight: 1 });
    expect(ring.covers(4)).toBe(false);
    expect(ring.at(7)?.key).toBe("12345678");
    expect(ring.at(6)?.key).toBe("k6");
  });
});

describe("interest source", () => {
  it("shares one snapshot among peers while the ring leads on from it, and frees it when idle", () => {
    const own = new OwnInterest(1, { ...limits, keysMax: 100 });
    const source = new InterestSource(own, 1000);
    for (let i = 0; i < 6; i += 1) own.set(`k${i}`, 1);
    own.commit();
    const pull = { incarnation: 0, seq: 0, snapshotSeq: 0, offset: 0 };
    const first = source.answer(pull, 0);
    own.set("k0", 0);
    own.commit();
    expect(source.answer(pull, 100)).toEqual(first);
    for (let i = 0; i < 5; i += 1) {
      own.set("k1", i + 2);
      own.commit();
    }
    const second = source.answer({ ...pull, incarnation: 1, snapshotSeq: 6, offset: 3 }, 200);
    expect(second).toMatchObject({ type: "page", snapshotSeq: 12, offset: 0, count: 5 });
    source.expire(1100);
    expect(source.holdsSnapshot).toBe(true);
    source.expire(1200);
    expect(source.holdsSnapshot).toBe(false);
  });
});

describe("digests", () => {
  it("do not depend on order, and do on weight and incarnation", () => {
    const a = new DigestSum();
    const b = new DigestSum();
    a.add("x", 1);
    a.add("y", 2);
    b.add("z", 1);
    b.add("y", 2);
    b.add("x", 1);
    b.subtract("z", 1);
    expect(a.value).toEqual(b.value);
    b.subtract("y", 2);
    b.add("y", 1);
    expect(a.value).not.toEqual(b.value);
    const one = { nodeId: idOf(1), incarnation: 1, seq: 2, digest: a.value };
    const two = { nodeId: idOf(2), incarnation: 1, seq: 2, digest: a.value };
    expect(digestOfRoutes([one, two])).toBe(digestOfRoutes([two, one]));
    expect(digestOfRoutes([one])).not.toBe(digestOfRoutes([{ ...one, incarnation: 2 }]));
    expect(digestOfRoutes([one])).toMatch(/^[0-9a-f]{16}$/);
  });
});

describe("ack barrier", () => {
  it("releases in order when every live peer has confirmed", () => {
    const barrier = new AckBarrier<string>();
    barrier.linked("a");
    barrier.linked("b");
    barrier.wait(0, "zero");
    barrier.wait(5, "five");
    expect(barrier.settle()).toEqual([]);
    barrier.acked("a", 5);
    expect(barrier.settle()).toEqual([]);
    barrier.acked("b", 3);
    expect(barrier.settle()).toEqual(["zero"]);
    barrier.setDown("b", true);
    expect(barrier.settle()).toEqual(["five"]);
    barrier.wait(6, "six");
    barrier.unlinked("a");
    expect(barrier.settle()).toEqual(["six"]);
    expect(barrier.waitingCount).toBe(0);
  });
});

describe("death certificates", () => {
  it("cover an incarnation and all before, for a while, in bounded number", () => {
    const certificates = new DeathCertificates(1000, 2);
    certificates.add("a", 3, 0);
    expect(certificates.isDead("a", 3, 10)).toBe(true);
    expect(certificates.isDead("a", 4, 10)).toBe(false);
    expect(certificates.isDead("a", 1, 1000)).toBe(false);
    certificates.add("b", 1, 0);
    certificates.add("c", 1, 1);
    certificates.add("d", 1, 2);
    expect(certificates.count).toBe(2);
    expect(certificates.isDead("b", 1, 3)).toBe(false);
    expect(certificates.isDead("d", 1, 3)).toBe(true);
  });
});
