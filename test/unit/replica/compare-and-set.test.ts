import { describe, expect, test } from "vitest";
import { createMessage } from "../../../src/mqtt/message.ts";
import { decodeCommand, encodeCommand } from "../../../src/replica/commands.ts";
import { Replica } from "../../../src/replica/replica.ts";
import type { Command } from "../../../src/replica/replica-api.ts";

const node = "a".repeat(32);

function subject() {
  const replica = new Replica();
  const written: string[] = [];
  const store = new Map<string, Uint8Array>();
  const writer = {
    put: (key: string, value: Uint8Array) => {
      written.push(key);
      store.set(key, Uint8Array.from(value));
    },
    delete: (key: string) => {
      written.push(`-${key}`);
      store.delete(key);
    },
  };
  const apply = (index: number, command: Command, timeMs = 1): unknown =>
    replica.apply(encodeCommand(command), { index, timeMs, origin: node }, writer);
  return { replica, written, store, apply };
}

function retain(payload: string, expectedVersion?: number, expirySeconds?: number): Command {
  const message = createMessage({
    topic: "t",
    payload: Buffer.from(payload),
    qos: 1,
    retain: true,
    properties: expirySeconds === undefined ? null : { messageExpiryInterval: expirySeconds },
    receivedAtMs: 1,
    publisherId: "robot",
    version: 0,
  });
  const updates = [{ device: "r1", attribute: "a", value: payload }];
  return {
    type: "retain",
    message,
    updates,
    ...(expectedVersion === undefined ? {} : { expectedVersion }),
  };
}

function set(value: unknown, expectedVersion?: number): Command {
  return {
    type: "state",
    source: "",
    updates: [{ device: "r1", attribute: "a", value }],
    isReplacing: true,
    ...(expectedVersion === undefined ? {} : { expectedVersion }),
  };
}

describe("a retained message", () => {
  test("is written at the expected version, and nothing at all at another", () => {
    const { replica, written, apply } = subject();
    expect(apply(5, retain("one", 0))).toEqual({ version: 5 });
    written.length = 0;
    const before = replica.digest();
    expect(apply(6, retain("two", 0))).toEqual({ version: 0, currentVersion: 5 });
    expect(apply(7, retain("two", 4))).toEqual({ version: 0, currentVersion: 5 });
    expect([written, replica.digest()]).toEqual([[], before]);
    expect(replica.devices.get("r1")?.attributes.get("a")?.value).toBe("one");
    expect(apply(8, retain("two", 5))).toEqual({ version: 8 });
    expect(replica.getRetained("t")?.payload.toString()).toBe("two");
    expect(replica.metrics().get("replica_writes_conflicting")).toBe(2);
  });

  test("that was cleared or has expired is not there", () => {
    const { apply } = subject();
    apply(5, retain("one"));
    expect(apply(6, retain("", 5))).toEqual({ version: 6 });
    expect(apply(7, retain("x", 5))).toEqual({ version: 0, currentVersion: 0 });
    expect(apply(8, retain("short", 0, 1))).toEqual({ version: 8 });
    expect(apply(9, retain("x", 8), 2000)).toEqual({ version: 0, currentVersion: 0 });
    expect(apply(10, retain("x", 0), 2000)).toEqual({ version: 10 });
  });

  test("of two writers that expect the same version, one wins", () => {
    const { apply } = subject();
    apply(5, retain("one"));
    expect([apply(6, retain("a", 5)), apply(6, retain("b", 5))]).toEqual([
      { version: 6 },
      { version: 0, currentVersion: 6 },
    ]);
  });
});

test("two values that one log entry wrote have two versions, so that a writer who saw the first does not replace the second", () => {
  const { replica, apply } = subject();
  expect([apply(5, retain("one")), apply(5, retain("two"))]).toEqual([
    { version: 5 },
    { version: 6 },
  ]);
  expect(replica.getRetained("t")?.version).toBe(6);
  expect(replica.devices.get("r1")?.attributes.get("a")?.version).toBe(6);
  expect(apply(6, retain("three", 5))).toEqual({ version: 0, currentVersion: 6 });
  expect([apply(6, set(1)), apply(6, set(2, 7)), apply(6, set(3, 7))]).toEqual([
    { version: 7 },
    { version: 8 },
    { version: 0, currentVersion: 8 },
  ]);
});

describe("an attribute", () => {
  test("is written at the expected version only, and replaced instead of merged", () => {
    const { replica, apply } = subject();
    expect(apply(5, set({ x: 1 }, 0))).toEqual({ version: 5 });
    expect(apply(6, set({ y: 2 }, 0))).toEqual({ version: 0, currentVersion: 5 });
    expect(apply(7, set({ y: 2 }, 5))).toEqual({ version: 7 });
    expect(replica.devices.get("r1")?.attributes.get("a")?.value).toEqual({ y: 2 });
    expect(apply(8, set(undefined, 7))).toEqual({ version: 8 });
    expect(replica.devices.get("r1")).toBeNull();
  });

  test("beyond a limit keeps its old value, and the writer is told", () => {
    const { replica, apply } = subject();
    apply(5, set({ x: 1 }));
    expect(apply(6, set("v".repeat(70_000), 5))).toEqual({ version: 0 });
    expect(replica.devices.get("r1")?.attributes.get("a")?.value).toEqual({ x: 1 });
  });
});

test.each([retain("x"), retain("x", 0), retain("x", 2 ** 40), set(1), set(undefined, 7)])(
  "a command with or without a condition is read as it was written",
  (command) => {
    expect(decodeCommand(encodeCommand(command))).toMatchObject(command);
    const bytes = encodeCommand(command);
    expect(decodeCommand(Buffer.concat([bytes, Buffer.of(9)]))).toBeNull();
  },
);

describe("a version", () => {
  const shadow = (goal: string): Command => ({
    ...{ type: "shadow", device: "r1", source: "", desired: { goal } },
  });
  const remove: Command = { type: "delete-device", device: "r1", source: "" };
  const alone = (payload: string, expirySeconds?: number): Command =>
    ({ ...retain(payload, undefined, expirySeconds), updates: [] }) as Command;

  test.each<readonly [string, Command, Command, Command]>([
    ["a retained message", alone("one"), alone(""), alone("two")],
    ["a retained message that expires", alone("one", 1), alone("two"), alone("three")],
    ["an attribute", set(1), set(undefined), set(2)],
    ["an attribute of a device that goes", set(1), remove, set(2)],
    ["a shadow", shadow("one"), remove, shadow("two")],
  ])("of %s stands for one value, also after what had it is gone", (_name, one, gone, two) => {
    const { replica, apply, store } = subject();
    const versionOf = (result: unknown): number => (result as { version: number }).version;
    // Three values in one entry run ahead of the index; the entries after it catch up with them.
    const before = [one, one, one].map((command) => versionOf(apply(5, command)));
    apply(6, gone, 5000);
    const restored = subject();
    for (const [key, value] of store) restored.replica.restore(key, value);
    restored.replica.restored();
    expect(restored.replica.digest()).toBe(replica.digest());
    const after = [6, 7].map((index) => versionOf(apply(index, two, 5000)));
    expect([6, 7].map((index) => versionOf(restored.apply(index, two, 5000)))).toEqual(after);
    const all = [...before, ...after];
    expect(before).toEqual([5, 6, 7]);
    expect(all).toEqual([...new Set(all)].sort((a, b) => a - b));
  });
});
