import { describe, expect, test } from "vitest";
import { History, percentile } from "../../../scripts/chaos/history.ts";

function historyWith(sent: number, acknowledged: number): History {
  const history = new History();
  for (let i = 0; i < sent; i++) history.sent("k");
  history.acknowledged("k", acknowledged);
  return history;
}

describe("the checker of a chaos run", () => {
  test.each([
    ["the last acknowledged value", 5, []],
    ["a newer one that was never acknowledged", 7, []],
    ["an older one", 4, ["lost"]],
    ["nothing", 0, ["lost"]],
    ["one that nobody sent", 8, ["phantom"]],
  ])("reading back %s", (_what, value, kinds) => {
    const history = historyWith(7, 5);
    history.readBack("n1", "k", value);
    expect(history.violations().map(({ kind }) => kind)).toEqual(kinds);
  });

  test("a repetition is not a violation of order, a value that comes too late is", () => {
    const history = historyWith(5, 5);
    for (const value of [1, 2, 2, 1, 4, 3]) history.delivered("w", "k", value);
    expect(history.violations()).toEqual([
      { kind: "order", key: "k", where: "w", detail: "3 came for the first time after 4" },
    ]);
  });

  test("a new subscription starts afresh", () => {
    const history = historyWith(5, 5);
    history.delivered("w", "k", 5);
    history.resubscribed("w");
    history.delivered("w", "k", 3);
    expect(history.violations()).toEqual([]);
  });
});

test("percentiles", () => {
  expect(percentile([5, 1, 3, 2, 4], 0.5)).toBe(3);
  expect(percentile([5, 1, 3, 2, 4], 0.99)).toBe(5);
  expect(percentile([], 0.5)).toBeNaN();
});
