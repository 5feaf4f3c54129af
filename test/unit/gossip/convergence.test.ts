import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isSameDigest } from "../../../cluster/gossip/digest.ts";
import { InterestSource } from "../../../cluster/gossip/interest-source.ts";
import { OwnInterest } from "../../../cluster/gossip/own-interest.ts";
import { RemoteInterest } from "../../../cluster/gossip/remote-interest.ts";
import {
  decodeInterestDelta,
  encodeInterestDelta,
  type InterestDelta,
} from "../../../cluster/wire/interest-frames.ts";
import {
  decodeInterestAnswer,
  decodeInterestPull,
  encodeInterestAnswer,
  encodeInterestPull,
} from "../../../cluster/wire/interest-pull.ts";
import { idOf } from "../../support/peer-network.ts";

const limits = {
  keysMax: 1000,
  keySizeBytesMax: 1000,
  ringOperationsMax: 8,
  ringCharactersMax: 1000,
};

/** A reader together with a listener that keeps its own copy of what it was told. */
class Reader {
  readonly remote = new RemoteInterest(1000);
  readonly told = new Map<string, number>();

  tell(changes: readonly { key: string; weight: number }[]): void {
    for (const { key, weight } of changes) {
      if (weight === 0) this.told.delete(key);
      else this.told.set(key, weight);
    }
  }

  receive(delta: InterestDelta): void {
    const outcome = this.remote.receive(delta);
    if (outcome.type === "applied") this.tell(outcome.changes);
  }

  /** One pull over the wire format, with pages of a few entries. */
  pull(source: InterestSource): void {
    const pull = decodeInterestPull(encodeInterestPull(this.remote.nextPull()));
    if (pull === null) throw new Error("pull malformed");
    const bytes = encodeInterestAnswer(source.answer(pull, 0), 60);
    const answer = decodeInterestAnswer(bytes);
    if (answer === null) throw new Error("answer malformed");
    const outcome = this.remote.answer(answer);
    if (outcome.type === "applied") this.tell(outcome.changes);
  }
}

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ type: fc.constant("set" as const), key: fc.nat(20), weight: fc.nat(3) }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("commit" as const) }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant("deliver" as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("pull" as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("restart" as const) }) },
);

describe("interest of another node", () => {
  it("converges to the writer's table after any loss, repetition and reordering", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        let own = new OwnInterest(1, limits);
        let source = new InterestSource(own, 1000);
        const sent: InterestDelta[] = [];
        const reader = new Reader();
        const commit = (): void => {
          const delta = own.commit();
          if (delta === null) return;
          const { incarnation } = own;
          for (const frame of encodeInterestDelta({ ...delta, origin: idOf(1), incarnation }, 40)) {
            const decoded = decodeInterestDelta(frame.subarray(1));
            if (decoded === null) throw new Error("delta malformed");
            sent.push(decoded);
          }
        };
        for (const step of steps) {
          if (step.type === "set") own.set(`k/${step.key}`, step.weight);
          else if (step.type === "commit") commit();
          else if (step.type === "pull") reader.pull(source);
          else if (step.type === "restart") {
            own = new OwnInterest(own.incarnation + 1, limits);
            source = new InterestSource(own, 1000);
          } else if (sent.length > 0) {
            reader.receive(sent[step.which % sent.length] as InterestDelta);
          }
        }
        commit();
        const { incarnation, seq, count, digest } = own;
        reader.remote.compare({ incarnation, seq, count, digest });
        for (let pulls = 0; reader.remote.isBehind; pulls += 1) {
          expect(pulls).toBeLessThan(100);
          reader.pull(source);
        }
        expect(reader.remote.compare({ incarnation, seq, count, digest })).toBe("same");
        expect(isSameDigest(reader.remote.table.digest, digest)).toBe(true);
        const expected = own.snapshot().entries.map(({ key, weight }) => [key, weight]);
        expect([...reader.remote.table.entries()].sort()).toEqual(expected.sort());
        expect([...reader.told].sort()).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });

  it("keeps the old table until a snapshot is complete", () => {
    const own = new OwnInterest(1, limits);
    own.set("old", 1);
    own.commit();
    const reader = new Reader();
    reader.remote.compare({ incarnation: 1, seq: 1, count: 1, digest: own.digest });
    reader.pull(new InterestSource(own, 1000));
    expect([...reader.told.keys()]).toEqual(["old"]);

    const next = new OwnInterest(2, limits);
    for (let i = 0; i < 20; i += 1) next.set(`new/${i}`, 1);
    next.commit();
    const { incarnation, seq, count, digest } = next;
    expect(reader.remote.compare({ incarnation, seq, count, digest })).toBe("behind");
    const source = new InterestSource(next, 1000);
    reader.pull(source);
    expect(reader.remote.isBehind).toBe(true);
    expect([...reader.told.keys()]).toEqual(["old"]);
    while (reader.remote.isBehind) reader.pull(source);
    expect(reader.told.size).toBe(20);
    expect(reader.told.has("old")).toBe(false);
  });

  it("finds a different table at the same seq, and loads it again", () => {
    const own = new OwnInterest(1, limits);
    own.set("right", 1);
    own.commit();
    const reader = new Reader();
    const wrong = { origin: idOf(1), incarnation: 1, fromSeq: 1 };
    reader.remote.compare({ incarnation: 1, seq: 0, count: 0, digest: { high: 0, low: 0 } });
    const empty = new InterestSource(new OwnInterest(1, limits), 1000);
    reader.pull(empty);
    reader.receive({ ...wrong, operations: [{ key: "wrong", weight: 1 }] });
    const position = { incarnation: 1, seq: 1, count: 1, digest: own.digest };
    expect(reader.remote.compare(position)).toBe("mismatch");
    reader.remote.reload();
    reader.pull(new InterestSource(own, 1000));
    expect(reader.remote.compare(position)).toBe("same");
    expect([...reader.told.keys()]).toEqual(["right"]);
  });

  it("does not ask for ever for a seq that the writer never had", () => {
    const own = new OwnInterest(1, limits);
    own.set("a", 1);
    own.commit();
    const source = new InterestSource(own, 1000);
    const reader = new Reader();
    reader.receive({
      origin: idOf(1),
      incarnation: 9,
      fromSeq: 900,
      operations: [{ key: "x", weight: 1 }],
    });
    for (let pulls = 0; reader.remote.isBehind; pulls += 1) {
      expect(pulls).toBeLessThan(10);
      reader.pull(source);
    }
    expect(reader.remote.incarnation).toBe(1);
    reader.receive({
      origin: idOf(1),
      incarnation: 1,
      fromSeq: 900,
      operations: [{ key: "x", weight: 1 }],
    });
    for (let pulls = 0; reader.remote.isBehind; pulls += 1) {
      expect(pulls).toBeLessThan(10);
      reader.pull(source);
    }
    expect([...reader.told.keys()]).toEqual(["a"]);
  });

  it("takes in no more keys than its limit, and counts the rest", () => {
    const remote = new RemoteInterest(2);
    const own = new OwnInterest(1, limits);
    const source = new InterestSource(own, 1000);
    remote.compare({ incarnation: 1, seq: 0, count: 0, digest: own.digest });
    remote.answer(source.answer(remote.nextPull(), 0));
    const operations = ["a", "b", "c"].map((key) => ({ key, weight: 1 }));
    remote.receive({ origin: idOf(1), incarnation: 1, fromSeq: 1, operations });
    expect(remote.table.count).toBe(2);
    expect(remote.rejectedCount).toBe(1);
  });
});
