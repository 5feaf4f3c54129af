import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { matches } from "../../../src/mqtt/topic.ts";
import { replicaLimits } from "../../../src/replica/limits.ts";
import { Replica } from "../../../src/replica/replica.ts";
import { context, RecordStore, restoreFrom, retain, state } from "../../support/replica-model.ts";
import { anyFilter, anyTopic } from "../../support/routing-model.ts";

function found(replica: Replica, filter: string, nowMs = 0): string[] {
  const topics: string[] = [];
  replica.matchRetained(filter, nowMs, ({ topic }) => topics.push(topic));
  return topics.sort();
}

describe("retained messages", () => {
  it("are the last of their topic, with the log index as version", () => {
    const replica = new Replica();
    const store = new RecordStore();
    expect(replica.apply(retain("t", "one"), context(4), store)).toEqual({ version: 4 });
    expect(replica.apply(retain("t", "two"), context(5), store)).toEqual({ version: 5 });
    const kept = replica.getRetained("t");
    expect(kept?.payload.toString()).toBe("two");
    expect(kept?.version).toBe(5);
    expect(replica.retainedCount).toBe(1);
    expect([...store.records.keys()]).toEqual(["r/t"]);
  });

  it("are cleared by an empty payload [MQTT-3.3.1-6]", () => {
    const replica = new Replica();
    const store = new RecordStore();
    replica.apply(retain("t", "one"), context(1), store);
    expect(replica.apply(retain("t", ""), context(2), store)).toEqual({ version: 2 });
    replica.apply(retain("never/was", ""), context(3), store);
    expect(replica.getRetained("t")).toBeNull();
    expect(found(replica, "#")).toEqual([]);
    expect([replica.retainedCount, replica.retainedSizeBytes, store.records.size]).toEqual([
      0, 0, 0,
    ]);
    expect(replica.digest()).toBe(new Replica().digest());
  });

  it("are found by filters as the definition of matching finds them", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ topic: anyTopic, payload: fc.constantFrom("", "x") })),
        fc.array(anyFilter),
        (writes, filters) => {
          const replica = new Replica();
          const store = new RecordStore();
          const model = new Set<string>();
          for (const [index, { topic, payload }] of writes.entries()) {
            replica.apply(retain(topic, payload), context(index + 1), store);
            if (payload === "") model.delete(topic);
            else model.add(topic);
          }
          for (const filter of filters) {
            const expected = [...model].filter((topic) => matches(filter, topic)).sort();
            expect(found(replica, filter)).toEqual(expected);
          }
        },
      ),
    );
  });

  it("are not shown once expired, and removed by a later command", () => {
    const replica = new Replica();
    const store = new RecordStore();
    replica.apply(retain("short", "x", { messageExpiryInterval: 10 }), context(1), store);
    replica.apply(retain("long", "x", { messageExpiryInterval: 20 }), context(2), store);
    replica.apply(retain("forever", "x"), context(3), store);
    expect(found(replica, "+", 9_999)).toEqual(["forever", "long", "short"]);
    expect(found(replica, "+", 10_000)).toEqual(["forever", "long"]);
    expect(found(replica, "short", 10_000)).toEqual([]);
    expect(store.records.has("r/short")).toBe(true);
    replica.apply(state(), context(4, { timeMs: 10_000 }), store);
    expect(store.records.has("r/short")).toBe(false);
    expect(replica.getRetained("short")).toBeNull();
    expect(replica.metrics().get("replica_retained_expired")).toBe(1);
    replica.apply(retain("long", "y"), context(5, { timeMs: 10_000 }), store);
    replica.apply(state(), context(6, { timeMs: 90_000 }), store);
    expect(found(replica, "+", 90_000)).toEqual(["forever", "long"]);
  });

  it("expire a bounded number at a time, in the same order on a restored replica", () => {
    const limits = { ...replicaLimits, expiredPerApplyMax: 3 };
    const store = new RecordStore();
    const live = new Replica(limits);
    for (let index = 1; index <= 20; index++) {
      const expiry = { messageExpiryInterval: 5 + (index % 3) };
      live.apply(retain(`t/${index % 13}`, "x", expiry), context(index, { timeMs: 0 }), store);
    }
    const other = new Replica(limits);
    restoreFrom(other, store, (keys) => keys.toReversed());
    const otherStore = new RecordStore();
    for (let index = 21; index <= 26; index++) {
      const at = context(index, { timeMs: 100_000 });
      live.apply(state(), at, store);
      other.apply(state(), at, otherStore);
      expect(other.digest()).toBe(live.digest());
      expect(live.retainedCount).toBe(Math.max(0, 13 - 3 * (index - 20)));
    }
  });

  it("are bounded in number and size: what does not fit has version 0 and is counted", () => {
    const replica = new Replica({ ...replicaLimits, retainedMax: 2, retainedSizeBytesMax: 200 });
    const store = new RecordStore();
    replica.apply(retain("a", "x"), context(1), store);
    replica.apply(retain("b", "x"), context(2), store);
    expect(replica.apply(retain("c", "x"), context(3), store)).toEqual({ version: 0 });
    expect(replica.apply(retain("a", "y"), context(4), store)).toEqual({ version: 4 });
    expect(replica.apply(retain("a", "y".repeat(200)), context(5), store)).toEqual({ version: 0 });
    expect(replica.getRetained("a")?.payload.toString()).toBe("y");
    expect(replica.apply(retain("b", ""), context(6), store)).toEqual({ version: 6 });
    expect(replica.apply(retain("c", "x"), context(7), store)).toEqual({ version: 7 });
    expect(replica.metrics().get("replica_retained_refused")).toBe(2);
  });

  it("do not hold on to the memory of the log entry they came in", () => {
    const replica = new Replica();
    const command = retain("t", "payload");
    replica.apply(command, context(1), new RecordStore());
    command.fill(0);
    const kept = replica.getRetained("t")!;
    expect(kept.payload.toString()).toBe("payload");
    expect(kept.payload.buffer.byteLength).toBeLessThan(100);
  });

  it("do not hold on to the memory of the snapshot they came in", () => {
    const store = new RecordStore();
    new Replica().apply(retain("t", "payload"), context(1), store);
    const replica = new Replica();
    const record = store.records.get("r/t")!;
    replica.restore("r/t", record);
    record.fill(0);
    expect(replica.getRetained("t")?.payload.toString()).toBe("payload");
  });

  it("are those of a simple model, whatever is written, cleared and expires, also while they are walked", () => {
    const write = fc.record({
      topic: anyTopic,
      sizeBytes: fc.oneof(fc.nat(40), fc.constantFrom(0, 300, 70_000)),
      expirySeconds: fc.option(fc.integer({ min: 1, max: 60 })),
      isWalked: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.array(write, { maxLength: 60 }),
        anyFilter,
        fc.integer({ min: 1, max: 4 }),
        (writes, filter, stepsMax) => {
          const replica = new Replica();
          const store = new RecordStore();
          const model = new Map<string, { payload: string; endsAtMs: number }>();
          const walk = replica.walkRetained(filter);
          const met: string[] = [];
          let nowMs = 0;
          const live = (): [string, string][] =>
            [...model]
              .filter(([, { endsAtMs }]) => endsAtMs > nowMs)
              .map(([topic, { payload }]) => [topic, payload]);
          const step = (): void => {
            const values = new Map(live());
            walk.advance(nowMs, stepsMax, ({ topic, payload }) => {
              expect(payload.toString()).toBe(values.get(topic));
              expect(matches(filter, topic)).toBe(true);
              met.push(topic);
            });
          };
          for (const [at, { topic, sizeBytes, expirySeconds, isWalked }] of writes.entries()) {
            nowMs = at * 1000;
            const payload = String(at).repeat(sizeBytes).slice(0, sizeBytes);
            const expiry = expirySeconds === null ? null : { messageExpiryInterval: expirySeconds };
            const command = retain(topic, payload, expiry);
            replica.apply(command, context(at + 1, { timeMs: nowMs }), store);
            // Received at 0.
            const endsAtMs = (expirySeconds ?? Number.POSITIVE_INFINITY) * 1000;
            if (payload === "") model.delete(topic);
            else model.set(topic, { payload, endsAtMs });
            if (isWalked) step();
          }
          const shown: [string, string][] = [];
          replica.matchRetained("#", nowMs, ({ topic, payload }) => {
            shown.push([topic, payload.toString()]);
          });
          const open = live().filter(([topic]) => matches("#", topic));
          expect(shown).toEqual(open.sort(([a], [b]) => (a < b ? -1 : 1)));
          const pieces = [...replica.retainedTopics(filter, nowMs)].flat();
          const matching = live().filter(([topic]) => matches(filter, topic));
          expect(pieces).toEqual(matching.map(([topic]) => topic).sort());
          while (!walk.isAtEnd) step();
          expect(met).toEqual([...new Set(met)].sort());
          const restored = new Replica();
          restoreFrom(restored, store);
          expect(restored.digest()).toBe(replica.digest());
          expect(restored.retainedSizeBytes).toBe(replica.retainedSizeBytes);
        },
      ),
    );
  });
});
