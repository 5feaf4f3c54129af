import { describe, expect, it, vi } from "vitest";
import { replicaLimits } from "../../../src/replica/limits.ts";
import { Replica } from "../../../src/replica/replica.ts";
import type { AttributeUpdate } from "../../../src/replica/replica-api.ts";
import { context, RecordStore, restoreFrom, retain, state } from "../../support/replica-model.ts";

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
});
