import { expect, test } from "vitest";
import { BrokerCounters } from "../../../src/broker/counters.ts";
import { TurnSpacing } from "../../../src/broker/turn-spacing.ts";
import { BrokerRig } from "../../support/broker-rig.ts";
import { FakeClock } from "../../support/fake-clock.ts";

const spacingMs = 0.25;

class HeldClock extends FakeClock {
  readonly heldUntilMs: number[] = [];

  holdTurn(untilMs: number): void {
    this.heldUntilMs.push(untilMs);
  }
}

interface Rig {
  readonly clock: HeldClock;
  readonly counters: BrokerCounters;
  readonly spacing: TurnSpacing;
}

function setUp(): Rig {
  const clock = new HeldClock();
  const counters = new BrokerCounters();
  return { clock, counters, spacing: new TurnSpacing(clock, spacingMs, counters) };
}

/**
 * Turns one a millisecond for `lastsMs`. In each `rare` clients publish that publish now and then, and so many packets come of
 * those that send again when they are answered: fewer while turns are held.
 */
function run(
  { clock, counters, spacing }: Rig,
  lastsMs: number,
  clients: { readonly rare: number; readonly eagerFree?: number; readonly eagerHeld?: number },
): void {
  const { rare, eagerFree = 0, eagerHeld = 0 } = clients;
  for (let turn = 0; turn < lastsMs; turn++) {
    const isHeld = clock.heldUntilMs.at(-1) === clock.monotonicMs() + spacingMs;
    clock.advance(1);
    for (let client = 0; client < rare; client++) spacing.published(100);
    spacing.published(1);
    counters.packetsReceived += rare + (isHeld ? eagerHeld : eagerFree);
    spacing.turnEnded(clock.monotonicMs());
  }
}

test("turns are held apart while many clients publish now and then, but for a look now and again", () => {
  const rig = setUp();
  run(rig, 1000, { rare: 10, eagerFree: 10, eagerHeld: 10 });
  const held = rig.clock.heldUntilMs.length;
  expect(held).toBeGreaterThan(900);
  expect(held).toBeLessThan(960);
  expect(rig.counters.turnsSpaced).toBe(held);
});

test("a held turn ends so long after it began", () => {
  const rig = setUp();
  run(rig, 50, { rare: 10 });
  expect(rig.clock.heldUntilMs.at(-1)).toBe(rig.clock.monotonicMs() + spacingMs);
});

test("they are not when no other message is to be expected meanwhile", () => {
  const rig = setUp();
  run(rig, 1000, { rare: 3, eagerFree: 100, eagerHeld: 100 });
  expect(rig.clock.heldUntilMs).toEqual([]);
});

test("they are not for long where that makes somebody wait for answers", () => {
  const rig = setUp();
  run(rig, 10_000, { rare: 10, eagerFree: 12, eagerHeld: 3 });
  expect(rig.clock.heldUntilMs.length).toBeLessThan(6 * 40);
});

test("somebody who begins to wait for answers while turns are held is noticed", () => {
  const rig = setUp();
  run(rig, 1000, { rare: 10 });
  const before = rig.clock.heldUntilMs.length;
  run(rig, 5_000, { rare: 10, eagerFree: 12, eagerHeld: 3 });
  expect(rig.clock.heldUntilMs.length - before).toBeLessThan(200 + 3 * 40);
});

test("they are not any more soon after the many have gone", () => {
  const rig = setUp();
  run(rig, 50, { rare: 10 });
  run(rig, 10, { rare: 0 });
  const before = rig.clock.heldUntilMs.length;
  run(rig, 50, { rare: 0 });
  expect(rig.clock.heldUntilMs).toHaveLength(before);
});

test("a node counts the publishing clients of its turns", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const devices = await Promise.all(
    Array.from({ length: 200 }, (_, device) => rig.connect(node, `device-${device}`)),
  );
  const { counters } = node.broker;
  for (let round = 0; round < 3; round++) {
    for (const [at, device] of devices.entries()) {
      device.publish(`t/${at}`, "21.5");
      if (at % 10 !== 9) continue;
      await rig.settle();
      rig.clock.advance(1.5);
    }
  }
  expect(counters.turnsSpaced).toBeGreaterThan(10);
  const before = counters.turnsSpaced;
  for (let round = 0; round < 100; round++) {
    devices[0]!.publish("t", "again");
    await rig.settle();
    rig.clock.advance(0.5);
  }
  expect(counters.turnsSpaced - before).toBeLessThan(30);
});
