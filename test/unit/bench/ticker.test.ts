import { expect, test } from "vitest";
import { Ticker } from "../../../scripts/bench/load/ticker.ts";

test("ticks come while the event loop has nothing to do, those of a loop that was busy as one, and none after the end", async () => {
  let ticks = 0;
  let ticked = (): void => undefined;
  const ticker = await Ticker.start(1, () => {
    ticks++;
    ticked();
  });
  const nowMs = performance.now();
  expect(ticker.nextMs(nowMs)).toBeGreaterThanOrEqual(nowMs);
  expect(ticker.nextMs(nowMs)).toBeLessThan(nowMs + 1.001);
  const busyUntilMs = nowMs + 20;
  while (performance.now() < busyUntilMs) {}
  const before = ticks;
  await new Promise<void>((resolve) => {
    ticked = () => setImmediate(resolve);
  });
  expect(ticks - before).toBeLessThan(10);
  await ticker.stop();
  const after = ticks;
  await new Promise<void>((resolve) => setImmediate(resolve));
  expect(ticks).toBe(after);
});
