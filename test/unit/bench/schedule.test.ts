import { expect, test } from "vitest";
import { Schedule } from "../../../scripts/bench/load/schedule.ts";

test("a message is due when it counts as due, one publisher after the other, however many wait", () => {
  const schedule = new Schedule(4, 250);
  expect(schedule.dueUntil(1e9)).toBeLessThan(1);
  schedule.start(100);
  expect(schedule.intervalMs).toBe(1);
  expect(schedule.dueUntil(99.5)).toBe(0);
  expect(schedule.dueUntil(100)).toBe(1);
  for (const at of [0, 1, 5, 4_000_003]) {
    const dueMs = schedule.ofMs(at % 4, Math.floor(at / 4));
    expect(dueMs).toBe(100 + at);
    expect(schedule.dueUntil(dueMs - 0.5)).toBe(at);
    expect(schedule.dueUntil(dueMs)).toBe(at + 1);
  }
});
