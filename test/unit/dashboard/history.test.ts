import { expect, test } from "vitest";
import {
  columnsOf,
  growthPerSecond,
  plotsOf,
  readHistory,
  sparkline,
} from "../../../src/dashboard/model/history.ts";

const points = [
  { timeMs: 1000, messagesIn: 1, messagesOut: 2, connections: 3, eventLoopMs: 4 },
  { timeMs: 2000, messagesIn: 5, connections: 3, eventLoopMs: 4 },
];

test("known figures have their plots, and each further one its own", () => {
  const titles = plotsOf(points).map(({ title }) => title);
  expect(titles).toEqual(["Messages per second", "Connections", "Event loop ms"]);
  expect(plotsOf([])).toEqual([]);
});

test("growth within a step is shown per second, what there was at its end as it is", () => {
  const answer = { stepMs: 10_000, points: [{ timeMs: 1, messagesIn: 50, connections: 7 }] };
  expect(readHistory(answer).points).toEqual([{ timeMs: 1, messagesIn: 5, connections: 7 }]);
});

test("a step without a figure is a gap and no zero", () => {
  expect(columnsOf(points, ["messagesIn", "messagesOut"])).toEqual([
    [1, 2],
    [1, 5],
    [2, null],
  ]);
});

test("a strange answer is an empty history", () => {
  for (const value of [null, [], "x", { points: 7 }, { points: [null, { timeMs: "x" }] }]) {
    expect(readHistory(value).points).toEqual([]);
  }
});

test("a total that fell began anew: there is no rate", () => {
  expect(growthPerSecond(100, 150, 500)).toBe(100);
  expect(growthPerSecond(100, 10, 500)).toBeNull();
});

test("a sparkline spans its box from left to right, its highest value on top", () => {
  expect(sparkline([0, 5, 10], 100, 20)).toBe("0.0,19.0 50.0,10.0 100.0,1.0");
  expect(sparkline([1], 100, 20)).toBe("");
});
