import { describe, expect, test } from "vitest";
import { AgreedState } from "../../../cluster/agreed/agreed-state.ts";
import { encodeMemberRecord } from "../../../cluster/agreed/member-record.ts";
import type { StateMachine, StateWriter } from "../../../cluster/state-machine.ts";
import { CommandTag, encodeBatch } from "../../../cluster/wire/batch-codec.ts";

const a = "a".repeat(32);
const b = "b".repeat(32);

/** Keeps every command under its number of arrival, and remembers which nodes started or left. */
class Recorder implements StateMachine {
  readonly events: string[] = [];
  #count = 0;

  apply(command: Uint8Array, context: { timeMs: number }, writer: StateWriter): unknown {
    const text = Buffer.from(command).toString();
    this.events.push(`${text}@${context.timeMs}`);
    writer.put(String(++this.#count), command);
    return `did ${text}`;
  }
  nodeStarted(nodeId: string, incarnation: number): void {
    this.events.push(`start ${nodeId[0]}${incarnation}`);
  }
  nodeRemoved(nodeId: string): void {
    this.events.push(`removed ${nodeId[0]}`);
  }
  reset(): void {
    this.events.length = 0;
    this.#count = 0;
  }
  restore(key: string): void {
    this.#count = Math.max(this.#count, Number(key));
  }
  restored(): void {}
  digest(): string {
    return String(this.#count);
  }
}

function batch(origin: string, incarnation: number, seq: number, texts: string[], timeMs = 10) {
  const commands = texts.map((text) => ({
    tag: CommandTag.application,
    bytes: Buffer.from(text),
  }));
  return encodeBatch({ origin, incarnation, seq, timeMs, commands });
}

function stateWith(...nodeIds: string[]) {
  const machine = new Recorder();
  const state = new AgreedState(machine);
  state.reset();
  for (const nodeId of nodeIds) {
    const record = encodeMemberRecord({ nodeId, name: nodeId[0] as string, addresses: [] });
    state.restore(`k/member/${nodeId}`, record);
  }
  return { machine, state };
}

describe("batches of a node", () => {
  test("are applied once, in order, and their results returned", () => {
    const { machine, state } = stateWith(a);
    expect(state.applyBatch(batch(a, 1, 1, ["x", "y"]), 5)?.results).toEqual(["did x", "did y"]);
    expect(state.applyBatch(batch(a, 1, 1, ["x", "y"]), 6)).toBeNull();
    expect(state.applyBatch(batch(a, 1, 2, ["z"]), 7)?.seq).toBe(2);
    expect(machine.events).toEqual(["start a1", "x@10", "y@10", "z@10"]);
  });

  test("wait for the one before: a gap is ignored until the lane sends again", () => {
    const { machine, state } = stateWith(a);
    state.applyBatch(batch(a, 1, 1, []), 1);
    expect(state.applyBatch(batch(a, 1, 3, ["late"]), 2)).toBeNull();
    expect(state.applyBatch(batch(a, 1, 2, ["two"]), 3)).not.toBeNull();
    expect(state.applyBatch(batch(a, 1, 3, ["late"]), 4)).not.toBeNull();
    expect(machine.events).toEqual(["start a1", "two@10", "late@10"]);
  });

  test("of an older incarnation are ignored, and a newer one begins at 1", () => {
    const { machine, state } = stateWith(a);
    state.applyBatch(batch(a, 2, 1, ["new"]), 1);
    expect(state.applyBatch(batch(a, 1, 2, ["old"]), 2)).toBeNull();
    expect(state.applyBatch(batch(a, 3, 2, ["gap"]), 3)).toBeNull();
    state.applyBatch(batch(a, 3, 1, ["newest"]), 4);
    expect(machine.events).toEqual(["start a2", "new@10", "start a3", "newest@10"]);
  });

  test("of a node that is not a member are ignored", () => {
    const { state } = stateWith(a);
    expect(state.applyBatch(batch(b, 1, 1, ["x"]), 1)).toBeNull();
  });

  test("never see time go back", () => {
    const { machine, state } = stateWith(a);
    state.applyBatch(batch(a, 1, 1, ["x"], 50), 1);
    state.applyBatch(batch(a, 1, 2, ["y"], 40), 2);
    expect(machine.events).toEqual(["start a1", "x@50", "y@50"]);
  });
});

describe("membership", () => {
  test("a removed node loses its record, its lane and the right to return", () => {
    const { machine, state } = stateWith(a, b);
    state.applyBatch(batch(b, 1, 1, ["x"]), 1);
    const steps = [{ type: "remove" as const, nodeId: b }];
    state.applyConfigChange({ type: "change", steps, context: new Uint8Array(0) }, 2);
    expect(machine.events.at(-1)).toBe("removed b");
    expect(state.wasRemoved(b)).toBe(true);
    expect(state.applyBatch(batch(b, 1, 2, ["y"]), 3)).toBeNull();
  });

  test("a node that was here once is not missing, even when it was removed", () => {
    const { state } = stateWith(a, b);
    expect([1, 2, 3].map((count) => state.missingOf(count))).toEqual([0, 0, 1]);
    const steps = [{ type: "remove" as const, nodeId: b }];
    state.applyConfigChange({ type: "change", steps, context: new Uint8Array(0) }, 2);
    expect([1, 2, 3].map((count) => state.missingOf(count))).toEqual([0, 0, 1]);
  });

  test("a node changes its own record only", () => {
    const { state } = stateWith(a, b);
    const foreign = encodeMemberRecord({ nodeId: b, name: "b", addresses: ["evil:1"] });
    const own = encodeMemberRecord({ nodeId: a, name: "a", addresses: ["here:1"] });
    const commands = [foreign, own].map((bytes) => ({ tag: CommandTag.memberRecord, bytes }));
    state.applyBatch(encodeBatch({ origin: a, incarnation: 1, seq: 1, timeMs: 1, commands }), 1);
    expect(state.member(a)?.addresses).toEqual(["here:1"]);
    expect(state.member(b)?.addresses).toEqual([]);
  });
});

test("the state written to disk restores to the same digest and the same progress", () => {
  const { state } = stateWith(a, b);
  const disk = new Map<string, Uint8Array>();
  for (const nodeId of [a, b]) {
    const record = encodeMemberRecord({ nodeId, name: nodeId[0] as string, addresses: [] });
    disk.set(`k/member/${nodeId}`, record);
  }
  state.applyBatch(batch(a, 1, 1, ["x"]), 1);
  state.applyBatch(batch(b, 1, 1, ["y"], 99), 2);
  state.applyConfigChange(
    {
      type: "change",
      steps: [{ type: "remove", nodeId: b }],
      context: new Uint8Array(0),
    },
    3,
  );
  for (const { key, value } of state.takeWrites()) {
    if (value === null) disk.delete(key);
    else disk.set(key, value);
  }
  const copy = new AgreedState(new Recorder());
  copy.reset();
  for (const [key, value] of disk) copy.restore(key, value);
  copy.restored();
  expect(copy.digest()).toBe(state.digest());
  expect(copy.progressOf(a)).toEqual({ incarnation: 1, lastSeq: 1 });
  expect(copy.timeMs()).toBe(99);
  expect(copy.wasRemoved(b)).toBe(true);
});
