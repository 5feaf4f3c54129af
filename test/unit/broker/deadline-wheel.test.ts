import fc from "fast-check";
import { expect, test } from "vitest";
import { DeadlineWheel } from "../../../src/broker/deadline-wheel.ts";
import { FakeClock } from "../../support/fake-clock.ts";

test("nothing runs early, everything within one tick", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(5000), { minLength: 1 }), fc.nat(99), (delays, startMs) => {
      const clock = new FakeClock();
      clock.advance(startMs);
      const wheel = new DeadlineWheel(clock, 100);
      wheel.start();
      const late: number[] = [];
      for (const delay of delays) {
        const dueMs = clock.monotonicMs() + delay;
        wheel.after(delay, () => late.push(clock.monotonicMs() - dueMs));
      }
      clock.advance(5300);
      expect(late).toHaveLength(delays.length);
      for (const lateMs of late) {
        expect(lateMs).toBeGreaterThanOrEqual(0);
        expect(lateMs).toBeLessThanOrEqual(200);
      }
    }),
  );
});

test("what is cancelled does not run, and a stopped wheel leaves no timer behind", () => {
  const clock = new FakeClock();
  const wheel = new DeadlineWheel(clock, 100);
  wheel.start();
  const ran: string[] = [];
  const cancel = wheel.after(150, () => ran.push("cancelled"));
  wheel.after(150, () => ran.push("kept"));
  cancel();
  clock.advance(300);
  expect(ran).toEqual(["kept"]);
  wheel.stop();
  expect(clock.pendingTimers()).toBe(0);
});

test("one that is due may clear another of the same tick, and set its own next", () => {
  const clock = new FakeClock();
  const wheel = new DeadlineWheel(clock, 100);
  wheel.start();
  const ran: string[] = [];
  const other = { deadlinePassed: () => ran.push("other") };
  let otherTick = 0;
  const one = {
    deadlinePassed: () => {
      ran.push("one");
      wheel.clear(otherTick, other);
      if (ran.length < 2) wheel.set(clock.monotonicMs() + 100, one);
    },
  };
  wheel.set(150, one);
  otherTick = wheel.set(150, other);
  clock.advance(250);
  expect(ran).toEqual(["one"]);
  clock.advance(1000);
  expect(ran).toEqual(["one", "one"]);
  wheel.stop();
});
