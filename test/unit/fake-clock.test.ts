import { describe, expect, test } from "vitest";
import { FakeClock } from "../support/fake-clock.ts";

describe("fake clock", () => {
  test("runs timers in order of their time, then of their setting", () => {
    const clock = new FakeClock(1000);
    const seen: string[] = [];
    clock.after(20, () => seen.push(`late ${clock.monotonicMs()}`));
    clock.after(10, () => seen.push(`first ${clock.wallMs()}`));
    clock.after(10, () => seen.push("second"));
    const cancel = clock.after(5, () => seen.push("cancelled"));
    cancel();
    cancel();
    clock.advance(15);
    expect([seen, clock.monotonicMs(), clock.pendingTimers()]).toEqual([
      ["first 1010", "second"],
      15,
      1,
    ]);
    clock.advance(5);
    expect(seen.at(-1)).toBe("late 20");
  });

  test("ends each turn before the next timer, and turns started by turns too", () => {
    const clock = new FakeClock();
    const seen: string[] = [];
    clock.after(1, () => {
      clock.endOfTurn(() => {
        seen.push("end of turn");
        clock.endOfTurn(() => seen.push("end of the next"));
      });
    });
    clock.after(1, () => seen.push("second timer"));
    clock.advance(1);
    expect(seen).toEqual(["end of turn", "end of the next", "second timer"]);
  });

  test("a timer set by a timer runs within the same advance when it is due", () => {
    const clock = new FakeClock();
    let ticks = 0;
    const tick = (): void => {
      ticks++;
      clock.after(10, tick);
    };
    tick();
    clock.advance(100);
    expect([ticks, clock.nextDueMs()]).toEqual([11, 10]);
  });
});
