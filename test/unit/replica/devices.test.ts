import { describe, expect, it, vi } from "vitest";
import { ByteWriter } from "../../../src/replica/byte-writer.ts";
import { encodeCommand } from "../../../src/replica/commands.ts";
import { replicaLimits } from "../../../src/replica/limits.ts";
import { Replica } from "../../../src/replica/replica.ts";
import type { AttributeUpdate } from "../../../src/replica/replica-api.ts";
import {
  claim,
  context,
  nodeIds,
  RecordStore,
  restoreFrom,
  retain,
  state,
} from "../../support/replica-model.ts";

function update(device: string, attribute: string, value: unknown): AttributeUpdate {
  return { device, attribute, value };
}

function held(replica: Replica, device: string, attribute: string): unknown {
  return replica.devices.get(device)?.attributes.get(attribute)?.value;
}

describe("device state", () => {
  it("is the latest value with version, time and source", () => {
    const replica = new Replica();
    const store = new RecordStore();
    replica.apply(state(update("r1", "rpm", 10)), context(3), store);
    replica.apply(
      retain("sensors/r1/mode", "slam", null, [update("r1", "mode", "slam")]),
      context(7),
      store,
    );
    const device = replica.devices.get("r1")!;
    expect(device.attributes.get("rpm")).toMatchObject({
      value: 10,
      version: 3,
      timeMs: 3000,
      source: "publisher",
    });
    expect([device.version, device.updatedAtMs, replica.devices.count()]).toEqual([7, 7000, 1]);
    expect(replica.devices.get("r2")).toBeNull();
  });

  it("merges the fields of objects inside apply", () => {
    const replica = new Replica();
    const store = new RecordStore();
    replica.apply(
      state(update("r1", "coordinates", { x: 1, y: 2, timestamp: 5 })),
      context(1),
      store,
    );
    replica.apply(state(update("r1", "coordinates", { y: 3 })), context(2), store);
    expect(held(replica, "r1", "coordinates")).toEqual({ x: 1, y: 3, timestamp: 5 });
    replica.apply(state(update("r1", "coordinates", [1])), context(3), store);
    replica.apply(state(update("r1", "coordinates", { z: 1 })), context(4), store);
    expect(held(replica, "r1", "coordinates")).toEqual({ z: 1 });
  });

  it("loses an attribute by an undefined value, and the device with the last one", () => {
    const replica = new Replica();
    const store = new RecordStore();
    replica.apply(state(update("r1", "x", 1), update("r1", "y", null)), context(1), store);
    replica.apply(state(update("r1", "x", undefined)), context(2), store);
    expect([...replica.devices.get("r1")!.attributes.keys()]).toEqual(["y"]);
    replica.apply(state(update("r1", "y", undefined)), context(3), store);
    expect(replica.devices.get("r1")).toBeNull();
    expect(replica.devices.list("", 10)).toEqual([]);
    expect(store.records.size).toBe(0);
  });

  it("lists devices in order, page by page, while they come and go", () => {
    const replica = new Replica();
    const store = new RecordStore();
    const ids = (after: string, limit: number): string[] =>
      replica.devices.list(after, limit).map(({ id }) => id);
    for (const [index, id] of ["d", "b", "a", "c"].entries()) {
      replica.apply(state(update(id, "x", 1)), context(index + 1), store);
    }
    expect(ids("", 2)).toEqual(["a", "b"]);
    expect(ids("b", 10)).toEqual(["c", "d"]);
    replica.apply(state(update("b", "x", undefined), update("bb", "x", 1)), context(5), store);
    expect(ids("a", 2)).toEqual(["bb", "c"]);
    replica.apply(state(update("b", "x", 1)), context(6), store);
    expect(ids("", 10)).toEqual(["a", "b", "bb", "c", "d"]);
    expect(ids("zzz", 10)).toEqual([]);
  });

  it("tells listeners once per command and device, and survives those that throw", () => {
    const replica = new Replica();
    const store = new RecordStore();
    const heard: string[] = [];
    replica.devices.onChanged(() => {
      throw new Error("listener");
    });
    const stop = replica.devices.onChanged((id) => heard.push(id));
    replica.apply(
      state(update("r1", "x", 1), update("r2", "x", 1), update("r1", "y", 1)),
      context(1),
      store,
    );
    expect(heard).toEqual(["r1", "r2"]);
    expect(replica.metrics().get("replica_handler_errors")).toBe(2);
    stop();
    replica.apply(state(update("r1", "x", 2)), context(2), store);
    expect(heard).toHaveLength(2);
  });

  it("tells listeners of all devices after a snapshot", () => {
    const store = new RecordStore();
    const other = new Replica();
    other.apply(state(update("r1", "x", 1), update("r2", "x", 1)), context(1), store);
    const replica = new Replica();
    const handler = vi.fn();
    replica.devices.onChanged(handler);
    restoreFrom(replica, store);
    expect(handler.mock.calls.flat().sort()).toEqual(["r1", "r2"]);
  });

  it("is bounded, and counts what it leaves out", () => {
    const limits = {
      ...replicaLimits,
      devicesMax: 2,
      attributesPerDeviceMax: 2,
      valueSizeBytesMax: 20,
      nameLengthMax: 5,
    };
    const replica = new Replica(limits);
    const store = new RecordStore();
    const updates = [
      update("r1", "x", 1),
      update("r1", "y", 1),
      update("r1", "z", 1),
      update("r2", "x", { a: "0123456789" }),
      update("r2", "x", { b: "0123456789" }),
      update("r3", "x", 1),
      update("", "x", 1),
      update("toolong", "x", 1),
      update("r1", "a\0b", 1),
    ];
    replica.apply(state(...updates), context(1), store);
    expect(replica.devices.count()).toBe(2);
    expect(held(replica, "r2", "x")).toEqual({ a: "0123456789" });
    const metrics = replica.metrics();
    expect(metrics.get("replica_updates_refused_attributes")).toBe(1);
    expect(metrics.get("replica_updates_refused_size")).toBe(1);
    expect(metrics.get("replica_updates_refused_devices")).toBe(1);
    expect(metrics.get("replica_updates_ignored")).toBe(3);
  });

  it("writes of many clients come in one command, each under its own claim", () => {
    const replica = new Replica();
    const store = new RecordStore();
    replica.apply(claim("a"), context(1), store);
    const groups = [
      { source: "a", fence: 1, updates: [update("a", "x", 1), update("a", "y", 1)] },
      { source: "b", fence: 7, updates: [update("b", "x", 1)] },
      { source: "c", fence: "none" as const, updates: [update("a", "x", 2)] },
    ];
    const result = replica.apply(encodeCommand({ type: "states", groups }), context(2), store);
    expect(result).toEqual({ versions: [2, 0, 3] });
    const x = replica.devices.get("a")?.attributes.get("x");
    expect(x).toMatchObject({ value: 2, version: 3, source: "c", node: nodeIds[0] });
    expect(replica.devices.get("b")).toBeNull();
    expect(replica.metrics().get("replica_writes_fenced")).toBe(1);
  });

  it("goes when it was not written again in time, which is the log's", () => {
    const replica = new Replica();
    const store = new RecordStore();
    const tick = encodeCommand({ type: "tick" });
    const expiring = { ...update("r1", "x", 1), ttlSeconds: 5 };
    replica.apply(state(expiring, update("r1", "y", 1)), context(1), store);
    expect(replica.nextDueMs()).toBe(6000);
    replica.apply(state(expiring), context(3), store);
    replica.apply(tick, context(6), store);
    expect(held(replica, "r1", "x")).toBe(1);
    const restored = new Replica();
    restoreFrom(restored, store);
    for (const each of [replica, restored]) {
      expect(each.nextDueMs()).toBe(8000);
      each.apply(tick, context(8), store);
      expect([...each.devices.get("r1")!.attributes.keys()]).toEqual(["y"]);
      expect(each.metrics().get("replica_attributes_expired")).toBe(1);
    }
    expect(restored.digest()).toBe(replica.digest());
    replica.apply(state({ ...update("r1", "y", 2), ttlSeconds: 5 }), context(10), store);
    replica.apply(state(update("r1", "y", 3)), context(11), store);
    expect(replica.nextDueMs()).toBe(Number.POSITIVE_INFINITY);
  });

  it("of earlier versions is read: records without node and expiry", () => {
    const writer = new ByteWriter();
    for (const number of [7, 7000]) writer.number(number);
    for (const text of ["publisher", "5"]) writer.string(text);
    const replica = new Replica();
    replica.restore("d/r1\0x", writer.finish());
    replica.restored();
    const x = replica.devices.get("r1")?.attributes.get("x");
    expect(x).toMatchObject({ value: 5, version: 7, node: "" });
  });

  it("takes names of prototypes for what they are", () => {
    const replica = new Replica();
    const store = new RecordStore();
    const value: unknown = JSON.parse('{"__proto__":{"polluted":1}}');
    for (const index of [1, 2]) {
      const each = update("__proto__", "constructor", value);
      replica.apply(state(each), context(index), store);
    }
    expect(JSON.stringify(held(replica, "__proto__", "constructor"))).toBe(JSON.stringify(value));
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });
});
