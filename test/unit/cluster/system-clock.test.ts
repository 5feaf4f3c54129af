import { expect, test } from "vitest";
import { systemClock, timeHeldMs } from "../../../cluster/drivers/system-clock.ts";

const heldMs = 2;

test("a held turn first runs all that was given to its end", async () => {
  const seen: string[] = [];
  const untilMs = systemClock.monotonicMs() + heldMs;
  await new Promise<void>((resolve) => {
    systemClock.endOfTurn(() => {
      systemClock.holdTurn?.(untilMs);
      seen.push(`first, ${isOver(untilMs)}`);
    });
    systemClock.endOfTurn(() => seen.push(`second, ${isOver(untilMs)}`));
    setImmediate(() => {
      seen.push(`what follows, ${isOver(untilMs)}`);
      resolve();
    });
  });
  // On a busy machine the time may be over before the end of the turn comes.
  expect(seen.map((line) => line.split(",")[0])).toEqual(["first", "second", "what follows"]);
  expect(seen.at(-1)).toBe("what follows, true");
});

test("promises that are settled at the end of a turn have their say before it is held", async () => {
  const heldBeforeMs = timeHeldMs();
  const seen: number[] = [];
  const lookLater = async (): Promise<void> => {
    await Promise.resolve();
    await Promise.resolve();
    seen.push(timeHeldMs());
  };
  await new Promise<void>((resolve) => {
    systemClock.endOfTurn(() => {
      systemClock.holdTurn?.(systemClock.monotonicMs() + 10 * heldMs);
      void lookLater();
      setImmediate(resolve);
    });
  });
  expect(seen).toEqual([heldBeforeMs]);
  expect(timeHeldMs()).toBeGreaterThan(heldBeforeMs);
});

test("a turn is not held while there is more to do in the next one", async () => {
  const farMs = 60_000;
  const beganAtMs = systemClock.monotonicMs();
  await new Promise<void>((resolve) => {
    systemClock.endOfTurn(() => {
      systemClock.holdTurn?.(beganAtMs + farMs);
      systemClock.endOfTurn(() => {
        systemClock.holdTurn?.(0);
        resolve();
      });
    });
  });
  expect(systemClock.monotonicMs() - beganAtMs).toBeLessThan(farMs);
});

test("what throws at the end of a turn does not keep later turns from being held", async () => {
  const untilMs = systemClock.monotonicMs() + heldMs;
  const thrown = new Promise((resolve) => process.once("uncaughtException", resolve));
  const others = process.listeners("uncaughtException").slice(0, -1);
  for (const other of others) process.off("uncaughtException", other);
  systemClock.endOfTurn(() => {
    throw new Error("by intent");
  });
  await thrown;
  for (const other of others) process.on("uncaughtException", other);
  await new Promise<void>((resolve) => {
    systemClock.endOfTurn(() => systemClock.holdTurn?.(untilMs));
    setImmediate(resolve);
  });
  expect(isOver(untilMs)).toBe(true);
});

function isOver(timeMs: number): boolean {
  return systemClock.monotonicMs() >= timeMs;
}
