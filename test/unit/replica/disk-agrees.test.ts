import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { StateWriter } from "#cluster";
import { encodeCommand } from "../../../src/replica/commands.ts";
import { replicaLimits } from "../../../src/replica/limits.ts";
import { Replica } from "../../../src/replica/replica.ts";
import type { Command } from "../../../src/replica/replica-api.ts";
import { GatheringDisk } from "../../support/gathering-disk.ts";
import {
  anyCommand,
  claim,
  context,
  message,
  nodeIds,
  RecordStore,
  restoreFrom,
  retain,
} from "../../support/replica-model.ts";
import { clientIds, tightLimits as limits, topic } from "../../support/replica-steps.ts";
import { anySessionCommand, ofOwner } from "../../support/session-steps.ts";

const anyStep = fc.record({
  entry: fc.oneof(
    {
      weight: 10,
      arbitrary: fc.record({
        kind: fc.constant("command" as const),
        command: anyCommand(topic, fc.constantFrom(...clientIds)),
      }),
    },
    {
      weight: 30,
      arbitrary: fc.record({
        kind: fc.constant("current" as const),
        command: anySessionCommand(topic, fc.constantFrom(...clientIds)),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant("started" as const), incarnation: fc.nat(3) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("removed" as const) }) },
  ),
  origin: fc.constantFrom(...nodeIds),
  elapsedMs: fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom(0, 1, 1000) },
    { weight: 1, arbitrary: fc.constant(2 ** 32 * 1000) },
  ),
  after: fc.constantFrom("nothing", "nothing", "nothing", "nothing", "flush", "crash", "snapshot"),
});

type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never;
type Apply = (replica: Replica, writer: StateWriter) => void;

/** What `step` does to any replica; `reference` knows who owns what by now. */
function entryOf(step: Step, index: number, timeMs: number, reference: Replica): Apply {
  const { entry, origin } = step;
  const at = context(index, { timeMs, origin });
  if (entry.kind === "started") {
    return (replica, writer) => replica.nodeStarted(origin, entry.incarnation, at, writer);
  }
  if (entry.kind === "removed") return (replica, writer) => replica.nodeRemoved(origin, at, writer);
  if (entry.kind === "command") {
    const bytes = encodeCommand(entry.command);
    return (replica, writer) => void replica.apply(bytes, at, writer);
  }
  const { command, nodeId } = ofOwner(entry.command, reference);
  const bytes = encodeCommand(command);
  return (replica, writer) =>
    void replica.apply(bytes, { ...at, origin: nodeId ?? origin }, writer);
}

/** As a node does after a crash: what was applied on the disk, then the entries behind it once more. */
function restart(replica: Replica, disk: GatheringDisk, log: readonly Apply[]): void {
  disk.crash();
  restoreFrom(replica, disk.store, (keys) => keys.toSorted());
  for (let index = disk.appliedIndex; index < log.length; index++) {
    log[index]!(replica, disk);
    disk.applied(index + 1);
  }
}

const everything = {
  ...{ qos: 1 as const, noLocal: false, retainAsPublished: false },
  ...{ retainHandling: 0 as const, identifier: 0 },
};

describe("the disk of a replica whose effects are gathered", () => {
  it("is the state at its applied index, whatever crashes and snapshots come between", () => {
    const steps = fc.array(anyStep, { maxLength: 80, size: "max" });
    fc.assert(
      fc.property(steps, (taken) => {
        const reference = new Replica(limits);
        const store = new RecordStore();
        /** Records of the reference behind each entry. */
        const states: Map<string, Uint8Array>[] = [new Map()];
        const log: Apply[] = [];
        const replica = new Replica(limits);
        const disk = new GatheringDisk();
        let timeMs = 0;
        for (const step of [...taken, null]) {
          if (step !== null) {
            const index = log.length + 1;
            timeMs += step.elapsedMs;
            const apply = entryOf(step, index, timeMs, reference);
            log.push(apply);
            apply(reference, store);
            states.push(new Map(store.records));
            apply(replica, disk);
            disk.applied(index);
            if (step.after === "snapshot") {
              disk.install(store.records, index);
              restoreFrom(replica, disk.store, (keys) => keys.toSorted());
            }
          }
          if (step === null || step.after === "flush") disk.flush();
          else if (step.after === "crash") restart(replica, disk, log);
          expect(disk.store.records).toEqual(states[disk.appliedIndex]);
          expect(replica.digest()).toBe(reference.digest());
          expect(disk.faults).toEqual([]);
        }
      }),
      { numRuns: 1500 },
    );
  }, 120_000);

  it("keeps a copy of a retained message that goes and comes again behind a restart", () => {
    const disk = new GatheringDisk();
    const replica = new Replica();
    let index = 0;
    const run = (bytes: Uint8Array): { readonly epoch?: number } => {
      index++;
      const result = replica.apply(bytes, context(index), disk);
      disk.applied(index);
      return result as { readonly epoch?: number };
    };
    const subscribe = (clientId: string, epoch: number): void => {
      const subscriptions = [{ filter: "t", ...everything }];
      run(encodeCommand({ type: "subscribe", clientId, epoch, subscriptions }));
    };
    run(retain("t", "hello"));
    const a = run(claim("a")).epoch!;
    subscribe("a", a);
    disk.flush();
    restart(replica, disk, []);
    const settled = { clientId: "a", epoch: a, completed: [1], received: [], released: [] };
    run(encodeCommand({ type: "settle", settlements: [settled] } as unknown as Command));
    subscribe("b", run(claim("b")).epoch!);
    disk.flush();
    const restored = new Replica();
    restoreFrom(restored, disk.store);
    expect(restored.digest()).toBe(replica.digest());
  });
});

it("a replica that has just started purges what the others do, and no more at once", () => {
  const few = { ...replicaLimits, expiredPerApplyMax: 1 };
  const running = { replica: new Replica(few), store: new RecordStore() };
  const started = { replica: new Replica(few), store: new RecordStore() };
  let index = 0;
  const run = (command: Command, timeMs: number): { readonly epoch?: number } => {
    index++;
    const bytes = encodeCommand(command);
    const [result] = [running, started].map(({ replica, store }) =>
      replica.apply(bytes, context(index, { timeMs }), store),
    );
    return result as { readonly epoch?: number };
  };
  const session = (clientId: string, ageSecondsMax: number, filter: string): number => {
    const bounds = {
      messagesMax: 100,
      sizeBytesMax: 100_000,
      isOldestDropped: false,
      ageSecondsMax,
    };
    const kept = { cleanStart: false, expirySeconds: 0xffff_ffff, bounds };
    const epoch = run({ type: "claim", clientId, ...kept } as unknown as Command, 0).epoch!;
    const subscriptions = [{ filter, ...everything }];
    run({ type: "subscribe", clientId, epoch, subscriptions } as unknown as Command, 0);
    return epoch;
  };
  const epoch = session("away", 500, "#");
  session("here", 1, "t");
  const leaving = { clientId: "away", epoch, expirySeconds: 0xffff_ffff, isWillWanted: false };
  run({ type: "disconnect", ...leaving, sentSeq: 0 } as unknown as Command, 0);
  for (const name of ["other", "t"]) {
    const published = { message: message(name, "x", { retain: false }), updates: [] };
    run({ type: "publish", ...published } as unknown as Command, 0);
  }
  // The one that "here" waits for is looked at, since that session bears a second only, and stays.
  run({ type: "tick" } as Command, 2000);
  started.replica = new Replica(few);
  restoreFrom(started.replica, started.store, (keys) => keys.toSorted());
  expect(started.replica.digest()).toBe(running.replica.digest());
  run({ type: "tick" } as Command, 600_000);
  expect(started.replica.digest()).toBe(running.replica.digest());
});
