import { describe, expect, it } from "vitest";
import { replicaLimits } from "../../../src/replica/limits.ts";
import { Replica } from "../../../src/replica/replica.ts";
import { context, RecordStore, restoreFrom, state } from "../../support/replica-model.ts";

function set(
  replica: Replica,
  store: RecordStore,
  index: number,
  value: unknown,
  name = "x",
): void {
  replica.apply(state({ device: "r1", attribute: name, value }), context(index), store);
}

function values(replica: Replica, limit = 1000, name = "x"): unknown[] {
  return replica.devices.history("r1", name, limit).map(({ value }) => value);
}

describe("the history of an attribute", () => {
  it("is its last values with version and time, the oldest first", () => {
    const replica = new Replica(replicaLimits, { valuesMax: 3, sizeBytesMax: 1e6 });
    const store = new RecordStore();
    for (const [at, value] of [1, "two", { x: 3 }, null, true].entries()) {
      set(replica, store, at + 1, value);
    }
    expect(replica.devices.history("r1", "x", 10)).toEqual([
      { value: { x: 3 }, version: 3, timeMs: 3000 },
      { value: null, version: 4, timeMs: 4000 },
      { value: true, version: 5, timeMs: 5000 },
    ]);
    expect(values(replica, 1)).toEqual([true]);
    expect(values(replica, 10, "y")).toEqual([]);
    expect(replica.devices.history("r2", "x", 10)).toEqual([]);
  });

  it("has merged objects as they were at the time", () => {
    const replica = new Replica();
    const store = new RecordStore();
    set(replica, store, 1, { x: 1 });
    set(replica, store, 2, { y: 2 });
    set(replica, store, 3, { x: 5 });
    expect(values(replica)).toEqual([{ x: 1 }, { x: 1, y: 2 }, { x: 5, y: 2 }]);
  });

  it("goes with the attribute", () => {
    const replica = new Replica();
    const store = new RecordStore();
    set(replica, store, 1, 1);
    set(replica, store, 2, 2);
    set(replica, store, 3, undefined);
    set(replica, store, 4, 4);
    expect(values(replica)).toEqual([4]);
  });

  it("loses its older half, each in turn, when all together are too large", () => {
    const replica = new Replica(replicaLimits, { valuesMax: 100, sizeBytesMax: 1000 });
    const store = new RecordStore();
    for (let index = 1; index <= 40; index++) set(replica, store, index, index, `x${index % 2}`);
    const kept = [...values(replica, 100, "x0"), ...values(replica, 100, "x1")];
    expect(kept.length).toBeLessThanOrEqual(1000 / 40);
    expect(kept.length).toBeGreaterThan(8);
    expect(kept).toContain(40);
    expect(kept).toContain(39);
    expect(replica.metrics().get("device_history_evicted")).toBe(40 - kept.length);
  });

  it("begins with the current value after a restart, and goes on across a snapshot", () => {
    const replica = new Replica();
    const store = new RecordStore();
    const leader = new RecordStore();
    for (let index = 1; index <= 3; index++) set(replica, store, index, index);
    for (const [key, value] of store.records) leader.put(key, value);
    const ahead = new Replica();
    restoreFrom(ahead, leader);
    expect(values(ahead)).toEqual([3]);
    set(ahead, leader, 9, 9);
    restoreFrom(replica, leader);
    expect(values(replica)).toEqual([1, 2, 3, 9]);
  });

  it("does not change the digest, whatever its bounds", () => {
    const [one, other] = [
      new Replica(replicaLimits, { valuesMax: 1, sizeBytesMax: 0 }),
      new Replica(),
    ];
    for (const replica of [one, other]) {
      const store = new RecordStore();
      for (let index = 1; index <= 5; index++) set(replica, store, index, index);
    }
    expect(one.digest()).toBe(other.digest());
    expect(values(one)).toEqual([5]);
  });
});
