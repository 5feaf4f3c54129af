import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeCommand } from "../../../src/replica/commands.ts";
import { Replica } from "../../../src/replica/replica.ts";
import {
  anyCommand,
  context,
  nodeIds,
  RecordStore,
  restoreFrom,
  retain,
  visibleState,
} from "../../support/replica-model.ts";
import { clientIds, tightLimits as limits, topic } from "../../support/replica-steps.ts";
import { anySessionCommand, ofOwner, Reached } from "../../support/session-steps.ts";

const anyEntry = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant("command" as const),
      bytes: anyCommand(topic, fc.constantFrom(...clientIds)).map(encodeCommand),
    }),
  },
  {
    // What clients with a session do: under the epoch of their claim, whatever that is by then.
    weight: 20,
    arbitrary: fc.record({
      kind: fc.constant("current" as const),
      command: anySessionCommand(topic, fc.constantFrom(...clientIds)),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("command" as const),
      bytes: fc.uint8Array({ maxLength: 40 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("started" as const), incarnation: fc.nat(3) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("removed" as const) }) },
);

const anyStep = fc.record({
  entry: anyEntry,
  origin: fc.constantFrom(...nodeIds),
  elapsedMs: fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom(0, 1, 1000) },
    { weight: 1, arbitrary: fc.constant(2 ** 32 * 1000) },
  ),
  /** What the second replica does before: nothing, a restart from its disk, or a snapshot of the first. */
  interruption: fc.constantFrom("none", "none", "none", "restart", "snapshot"),
});

type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never;

class Node {
  replica = new Replica(limits);
  store = new RecordStore();

  apply({ entry, origin }: Step, index: number, timeMs: number): unknown {
    const at = context(index, { timeMs, origin });
    if (entry.kind === "command") {
      return this.replica.apply(entry.bytes, at, this.store);
    }
    if (entry.kind === "current") {
      const { command, nodeId } = ofOwner(entry.command, this.replica);
      const asOwner = { ...at, origin: nodeId ?? origin };
      return this.replica.apply(encodeCommand(command), asOwner, this.store);
    }
    if (entry.kind === "started") {
      this.replica.nodeStarted(origin, entry.incarnation, at, this.store);
    } else {
      this.replica.nodeRemoved(origin, at, this.store);
    }
    return undefined;
  }
}

describe("replicas", () => {
  it("agree on digest, view and results whatever is committed, across restarts and snapshots", {
    timeout: 60_000,
  }, () => {
    const reached = new Reached();
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 60, size: "max" }), (steps) => {
        const [first, second] = [new Node(), new Node()];
        let timeMs = 0;
        let wasInterrupted = false;
        for (const [position, step] of steps.entries()) {
          if (step.interruption === "restart") {
            second.replica = new Replica(limits);
            restoreFrom(second.replica, second.store, (keys) => keys.toSorted());
          } else if (step.interruption === "snapshot") {
            second.store = new RecordStore();
            for (const [key, value] of first.store.records) second.store.put(key, value);
            restoreFrom(second.replica, second.store, (keys) => keys.toReversed());
          }
          wasInterrupted ||= step.interruption !== "none";
          timeMs += step.elapsedMs;
          const result = first.apply(step, position + 1, timeMs);
          expect(second.apply(step, position + 1, timeMs)).toEqual(result);
          expect(second.replica.digest()).toBe(first.replica.digest());
          if (wasInterrupted) reached.look(first.replica, clientIds);
        }
        expect(second.store.records).toEqual(first.store.records);
        expect(visibleState(second.replica, clientIds)).toEqual(
          visibleState(first.replica, clientIds),
        );
        const restored = new Replica(limits);
        restoreFrom(restored, first.store, (keys) => keys.toSorted());
        expect(restored.digest()).toBe(first.replica.digest());
        expect(visibleState(restored, clientIds)).toEqual(visibleState(first.replica, clientIds));
      }),
      { numRuns: 300, seed: 4 },
    );
    // A test of queues that never has any proves nothing.
    for (const [what, count] of Object.entries(reached.counts())) {
      expect(count, what).toBeGreaterThan(5);
    }
  });

  it("have another digest when one bit of one record differs, or one record is missing", () => {
    const store = new RecordStore();
    const replica = new Replica();
    for (let index = 1; index <= 20; index++) {
      replica.apply(retain(`t/${index}`, `payload ${index}`), context(index), store);
    }
    const digests = new Set([replica.digest()]);
    for (const [key, value] of store.records) {
      const other = new RecordStore();
      for (const [otherKey, otherValue] of store.records) other.put(otherKey, otherValue);
      const flipped = Uint8Array.from(value);
      flipped[flipped.length - 1]! ^= 1;
      other.put(key, flipped);
      const damaged = new Replica();
      restoreFrom(damaged, other);
      digests.add(damaged.digest());
      other.delete(key);
      restoreFrom(damaged, other);
      digests.add(damaged.digest());
    }
    expect(digests.size).toBe(41);
  });

  it("ignore what they cannot read, and count it", () => {
    const replica = new Replica();
    const store = new RecordStore();
    const before = replica.digest();
    expect(replica.apply(Buffer.from("garbage"), context(1), store)).toBeNull();
    expect(replica.apply(Buffer.alloc(0), context(2), store)).toBeNull();
    expect(replica.digest()).toBe(before);
    expect(replica.metrics().get("replica_commands_unreadable")).toBe(2);
    for (const key of ["r/t", "d/x", "d/x\0y", "c/x", "n/x", "e", "?/x", ""]) {
      replica.restore(key, Buffer.from([0xff, 0xff]));
    }
    replica.restored();
    expect(replica.metrics().get("replica_records_unreadable")).toBe(8);
    expect(replica.digest()).not.toBe(before);
  });
});
