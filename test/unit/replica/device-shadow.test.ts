import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeCommand } from "../../../src/replica/commands.ts";
import { type ReplicaLimits, replicaLimits } from "../../../src/replica/limits.ts";
import { Replica } from "../../../src/replica/replica.ts";
import type { Command, DeletedResult, ShadowResult } from "../../../src/replica/replica-api.ts";
import { sameJson } from "../../../src/replica/same-json.ts";
import { deltaOf, mergePatch } from "../../../src/replica/shadow-document.ts";
import { context, RecordStore, restoreFrom, state } from "../../support/replica-model.ts";

type Fields = Partial<Extract<Command, { type: "shadow" }>>;

class Rig {
  readonly replica: Replica;
  readonly store = new RecordStore();
  #index = 0;

  constructor(limits: ReplicaLimits = replicaLimits) {
    this.replica = new Replica(limits);
  }

  shadow(fields: Fields): ShadowResult {
    const command = { type: "shadow", device: "r1", source: "robot", ...fields } as const;
    return this.apply(encodeCommand(command)) as ShadowResult;
  }

  apply(bytes: Buffer): unknown {
    return this.replica.apply(bytes, context(++this.#index), this.store);
  }
}

describe("a device's shadow", () => {
  it("merges what is desired at every depth, and null takes a field away", () => {
    const rig = new Rig();
    rig.shadow({ desired: { mode: "slam", arm: { speed: 1, grip: true } } });
    const { current, previous } = rig.shadow({ desired: { mode: null, arm: { speed: 2 } } });
    expect(previous?.desired).toEqual({ mode: "slam", arm: { speed: 1, grip: true } });
    expect(current?.desired).toEqual({ arm: { speed: 2, grip: true } });
    expect(current?.desiredTimesMs).toEqual({ arm: 2000 });
    expect(rig.shadow({ desired: null }).current?.desired).toEqual({});
  });

  it("reports the attributes of the device, however they came", () => {
    const rig = new Rig();
    rig.apply(state({ device: "r1", attribute: "rpm", value: 5 }));
    const { current } = rig.shadow({ reported: { mode: "slam", arm: { speed: 1 } } });
    expect(current?.reported).toEqual({ rpm: 5, mode: "slam", arm: { speed: 1 } });
    expect(current?.reportedTimesMs).toEqual({ rpm: 1000, mode: 2000, arm: 2000 });
    rig.shadow({ reported: { mode: null, arm: { speed: null, grip: 1 } } });
    expect([...rig.replica.devices.get("r1")!.attributes.keys()]).toEqual(["rpm", "arm"]);
    expect(rig.replica.devices.get("r1")?.attributes.get("arm")?.value).toEqual({ grip: 1 });
    expect(rig.shadow({ reported: null }).current?.reported).toEqual({});
  });

  it("has a version that sensors do not move, and refuses another one", () => {
    const rig = new Rig();
    expect(rig.shadow({ desired: { a: 1 }, expectedVersion: 0 }).version).toBe(1);
    rig.apply(state({ device: "r1", attribute: "rpm", value: 5 }));
    expect(rig.shadow({ desired: { a: 2 }, expectedVersion: 2 })).toEqual({
      version: 0,
      currentVersion: 1,
    });
    expect(rig.shadow({ desired: { a: 2 }, expectedVersion: 1 }).version).toBe(4);
    expect(rig.replica.devices.shadowOf("r1")?.desired).toEqual({ a: 2 });
  });

  it("refuses as a whole what is too large or has a name that cannot be", () => {
    const limits = { ...replicaLimits, valueSizeBytesMax: 30, attributesPerDeviceMax: 2 };
    const rig = new Rig({ ...limits, devicesMax: 1, nameLengthMax: 10 });
    rig.shadow({ desired: { a: 1 } });
    const before = rig.replica.digest();
    const long = "0123456789".repeat(3);
    const refusals = [
      rig.shadow({ desired: { b: long } }),
      rig.shadow({ desired: { b: 1 }, reported: { b: long } }),
      rig.shadow({ reported: { a: 1, b: 2, c: 3 } }),
      rig.shadow({ reported: { "": 1 } }),
      rig.shadow({ device: "a\0b", desired: {} }),
      rig.shadow({ device: "r2", desired: {} }),
    ].map(({ version, refusal }) => [version, refusal]);
    expect(refusals).toEqual([
      [0, "too-large"],
      [0, "too-large"],
      [0, "too-many-attributes"],
      [0, "name"],
      [0, "name"],
      [0, "too-many-devices"],
    ]);
    expect(rig.replica.digest()).toBe(before);
    expect(rig.replica.metrics().get("replica_shadow_updates_refused")).toBe(6);
  });

  it("keeps a device without attributes, and goes with it", () => {
    const rig = new Rig();
    rig.shadow({ desired: { a: 1 } });
    rig.apply(state({ device: "r1", attribute: "x", value: 1 }));
    rig.apply(state({ device: "r1", attribute: "x", value: undefined }));
    expect(rig.replica.devices.list("", 10).map(({ id }) => id)).toEqual(["r1"]);
    const restored = new Replica();
    restoreFrom(restored, rig.store);
    expect(restored.devices.shadowOf("r1")?.desired).toEqual({ a: 1 });
    const gone = encodeCommand({ type: "delete-device", device: "r1", source: "" });
    expect((rig.apply(gone) as DeletedResult).isDeleted).toBe(true);
    expect((rig.apply(gone) as DeletedResult).isDeleted).toBe(false);
    expect([rig.replica.devices.count(), rig.store.records.size]).toEqual([0, 0]);
  });

  it("takes names of prototypes for what they are", () => {
    const rig = new Rig();
    const section = JSON.parse('{"__proto__":{"polluted":1},"constructor":2}');
    const { current } = rig.shadow({ device: "__proto__", desired: section, reported: section });
    expect(JSON.stringify(current?.desired)).toBe('{"__proto__":{"polluted":1},"constructor":2}');
    expect(JSON.stringify(current?.reported)).toBe(JSON.stringify(current?.desired));
    expect(JSON.stringify(deltaOf(current!.desired, current!.reported))).toBe("{}");
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    expect(rig.replica.devices.get("__proto__")?.attributes.size).toBe(2);
  });
});

describe("the delta", () => {
  it("is what is desired and not so, at every depth", () => {
    const desired = { a: 1, b: { c: 2, d: [1, 2] }, e: "x", toString: 1 };
    const reported = { a: 1, b: { c: 3, d: [1, 2], z: 0 }, f: 1 };
    expect(deltaOf(desired, reported)).toEqual({ b: { c: 2 }, e: "x", toString: 1 });
  });

  it("is empty once it was merged into what is reported", () => {
    const json = fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value)));
    const section = fc.dictionary(fc.constantFrom("a", "b", "__proto__"), json);
    fc.assert(
      fc.property(section, section, (before, reported) => {
        // What is desired never holds a null in an object: a merge takes it away.
        const desired = mergePatch({}, before) as Record<string, unknown>;
        const after = mergePatch(reported, deltaOf(desired, reported)) as Record<string, unknown>;
        expect(deltaOf(desired, after)).toEqual({});
        expect(sameJson(mergePatch(after, {}), after)).toBe(true);
      }),
    );
  });
});
