import { describe, expect, test } from "vitest";
import { parseCpuSeconds } from "../../../scripts/bench/cpu-time.ts";
import type { LoadResult } from "../../../scripts/bench/load/job.ts";
import { complaints, summarize, table } from "../../../scripts/bench/report.ts";
import { median, percentileOfSorted } from "../../../scripts/bench/statistics.ts";

function resultOf(messagesPerSecond: number, lost = 0): LoadResult {
  return {
    messagesPerSecond,
    cpuMicrosPerMessage: 1_000_000 / messagesPerSecond,
    generatorLoad: 0.5,
    acknowledgedMs: { p50: 1, p99: messagesPerSecond / 1000 },
    integrity: { lost, duplicates: 0, outOfOrder: 0, foreign: 0 },
  };
}

test("medians and percentiles", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(median([])).toBeNaN();
  const numbers = Array.from({ length: 100 }, (_, at) => at + 1);
  expect(percentileOfSorted(numbers, 0.5)).toBe(50);
  expect(percentileOfSorted(numbers, 0.99)).toBe(99);
  expect(percentileOfSorted([7], 0.5)).toBe(7);
  expect(percentileOfSorted([], 0.5)).toBeNaN();
});

test("CPU time comes from behind the process's name, whatever is in it", () => {
  const fields = "S 1 2 3 4 5 6 7 8 9 10 250 50 0 0";
  expect(parseCpuSeconds(`42 (node (x) y) ${fields}`)).toBe(3);
});

describe("a summary", () => {
  const rounds = [resultOf(100_000), resultOf(300_000, 2), resultOf(200_000)];
  const summary = summarize("pairs-qos1", "flockmq", rounds, [resultOf(50_000)]);

  test("has the medians, the ratio to the reference and the sum of what went wrong", () => {
    expect(summary).toMatchObject({
      messagesPerSecond: 200_000,
      cpuMicrosPerMessage: 5,
      acknowledgedMs: { p50: 1, p99: 200 },
      ratio: 4,
      integrity: { lost: 2 },
    });
  });

  test("has no ratio without a reference", () => {
    expect(summarize("pairs-qos1", "flockmq", rounds, []).ratio).toBeNull();
  });

  test("is a line of the table, and a complaint when something is missing", () => {
    const lines = table([summary], () => "pairs");
    expect(lines[2]).toMatch(/^\| pairs +\| flockmq \| +200,000 \| +4\.00 \| +5\.00 \|/);
    expect(lines.at(-1)).toContain("2 lost");
    expect(complaints([summarize("w", "b", [resultOf(1)], [])])).toEqual([]);
  });
});
