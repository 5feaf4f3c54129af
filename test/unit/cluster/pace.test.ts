import { expect, test } from "vitest";
import { Pace } from "../../../cluster/drivers/pace.ts";

test("lets a tenth of a second's bytes out at once, then keeps to the rate", () => {
  const pace = new Pace(1000);
  expect([40, 40, 20].map((sizeBytes) => pace.delayMs(sizeBytes, 5000))).toEqual([0, 0, 0]);
  expect(pace.delayMs(50, 5000)).toBe(50);
  expect(pace.delayMs(50, 5000)).toBe(100);
  // The same 50 bytes later in time: what was promised before has left meanwhile.
  expect(pace.delayMs(50, 5100)).toBe(50);
});

test("does not save up more than that", () => {
  const pace = new Pace(1000);
  pace.delayMs(100, 0);
  expect(pace.delayMs(200, 60_000)).toBe(100);
});

test("a rate of zero is none", () => {
  const pace = new Pace(0);
  expect(pace.delayMs(1e9, 0)).toBe(0);
  expect(pace.delayMs(1e9, 0)).toBe(0);
});
