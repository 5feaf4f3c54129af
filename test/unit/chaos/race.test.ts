import { expect, test } from "vitest";
import { possibleLast } from "../../../scripts/chaos/retained/race.ts";

test("the last value of a race is none that was acknowledged before another write began", () => {
  const write = (value: string, startMs: number, acknowledgedMs: number) => ({
    ...{ value, startMs, acknowledgedMs },
  });
  const writes = [write("first", 0, 5), write("early", 4, 9), write("late", 8, 12)];
  expect([...possibleLast(writes)]).toEqual(["early", "late"]);
  expect(possibleLast([...writes, write("unknown", 1, Infinity)])).toContain("unknown");
});
