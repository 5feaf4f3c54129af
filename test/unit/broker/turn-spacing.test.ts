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

/** Turns one a millisecond for `lastsMs`, with so many publishing clients in each. */
function run(
  { clock, spacing }: { clock: HeldClock; spacing: TurnSpacing },
  lastsMs: number,
  clients: { readonly rare: number; readonly eager: number },
): void {
  for (let turn = 0; turn < lastsMs; turn++) {
    clock.advance(1);
    for (let client = 0; client < clients.rare; client++) spacing.published(100);
    for (let client = 0; client < clients.eager; client++) spacing.published(1);
    spacing.turnEnded(clock.monotonicMs());
  }
}

function setUp() {
  const clock = new HeldClock();
  const counters = new BrokerCounters();
  return { clock, counters, spacing: new TurnSpacing(clock, spacingMs, counters) };
}

test("turns are held apart while many clients publish now and then", () => {
  const rig = setUp();
  run(rig, 20, { rare: 10, eager: 0 });
  expect(rig.clock.heldUntilMs.length).toBeGreaterThan(5);
  expect(rig.counters.turnsSpaced).toBe(rig.clock.heldUntilMs.length);
  expect(rig.clock.heldUntilMs.at(-1)).toBe(rig.clock.monotonicMs() + spacingMs);
});

test("they are not when no other message is to be expected meanwhile", () => {
  const rig = setUp();
  run(rig, 100, { rare: 3, eager: 0 });
  expect(rig.clock.heldUntilMs).toEqual([]);
});

test("they are not when clients wait for answers to publish again", () => {
  const alone = setUp();
  run(alone, 100, { rare: 0, eager: 50 });
  expect(alone.clock.heldUntilMs).toEqual([]);
  const among = setUp();
  run(among, 100, { rare: 10, eager: 3 });
  expect(among.clock.heldUntilMs).toEqual([]);
});

test("they are not any more soon after the many have gone", () => {
  const rig = setUp();
  run(rig, 50, { rare: 10, eager: 0 });
  run(rig, 10, { rare: 0, eager: 0 });
  const before = rig.clock.heldUntilMs.length;
  run(rig, 50, { rare: 0, eager: 0 });
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
