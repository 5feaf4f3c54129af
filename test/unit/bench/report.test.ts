import { describe, expect, test } from "vitest";
import { chart } from "../../../scripts/bench/chart.ts";
import { parseCpuSeconds } from "../../../scripts/bench/cpu-time.ts";
import type { LoadResult } from "../../../scripts/bench/load/job.ts";
import { complaints, shortfalls, summarize } from "../../../scripts/bench/report.ts";
import { median, percentileOfSorted } from "../../../scripts/bench/statistics.ts";
import { markdown, resultTable } from "../../../scripts/bench/table.ts";
import { chooseWorkloads, isMet, workloads } from "../../../scripts/bench/workloads.ts";
import { sumSent } from "../../../scripts/bench/written-bytes.ts";

function resultOf(messagesPerSecond: number, lost = 0): LoadResult {
  return {
    messagesPerSecond,
    offeredPerSecond: null,
    cpuMicrosPerMessage: 1_000_000 / messagesPerSecond,
    diskBytesPerMessage: 1,
    peerBytesPerMessage: null,
    generatorLoad: 0.5,
    acknowledgedMs: { p50: 1, p99: messagesPerSecond / 1000 },
    deliveredMs: null,
    loopDelay: { boundsSeconds: [0.001], counts: [10, 0] },
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

const [pairs] = chooseWorkloads("W3", false);

function seriesOf(
  name: string,
  rounds: readonly (LoadResult | null)[],
  failure: string | null = null,
) {
  return { workload: pairs!, contender: { name }, rounds, failure };
}

describe("a summary", () => {
  const rounds = [resultOf(100_000), resultOf(300_000, 2), resultOf(200_000)];
  const reference = [resultOf(10_000), resultOf(100_000), resultOf(50_000)];
  const ours = summarize(seriesOf("flockmq", rounds), seriesOf("mosquitto", reference));
  const theirs = summarize(seriesOf("mosquitto", reference), seriesOf("mosquitto", reference));

  test("has the medians, the median of the ratios round by round, and the sum of what went wrong", () => {
    expect(ours).toMatchObject({
      messagesPerSecond: 200_000,
      cpuMicrosPerMessage: 5,
      acknowledgedMs: { p50: 1, p99: 200 },
      loopDelayP99Ms: 0.99,
      rateRatio: 4,
      cpuRatio: 0.25,
      isMet: false,
      integrity: { lost: 2 },
    });
  });

  test("leaves out rounds that failed on either side, and says why one failed", () => {
    const some = summarize(
      seriesOf("flockmq", [null, resultOf(300_000), resultOf(100_000)], "it closed"),
      seriesOf("mosquitto", [resultOf(1), resultOf(100_000), null]),
    );
    expect(some).toMatchObject({ rounds: 2, messagesPerSecond: 200_000, rateRatio: 3 });
    expect(complaints([some])).toEqual(["pairs-qos1 on flockmq failed: it closed"]);
  });

  test("says when a rate was not carried, which is no complaint", () => {
    const at = (offeredPerSecond: number | null) => {
      const some = rounds.map((round) => ({ ...round, offeredPerSecond }));
      return summarize(seriesOf("flockmq", some), undefined);
    };
    expect([at(null), at(200_000), at(203_000)].map((figures) => shortfalls([figures]))).toEqual([
      [],
      [],
      [],
    ]);
    expect(shortfalls([at(250_000)])).toEqual([
      "pairs-qos1 on flockmq carried 200,000 of 250,000 messages/s: its latencies are those of a queue that grows",
    ]);
    expect(shortfalls([at(160_000)])[0]).toContain("carried 200,000 of 160,000 messages/s");
  });

  test("has no ratio without a reference", () => {
    const alone = summarize(seriesOf("flockmq", rounds), undefined);
    expect(alone).toMatchObject({ rateRatio: null, cpuRatio: null, isMet: null });
  });

  test("is a row of the table, without columns of which nobody says anything", () => {
    const lines = resultTable([ours, theirs], workloads, "mosquitto");
    expect(lines[0]).not.toContain("delivery");
    expect(lines[2]).toMatch(
      /flockmq +\| 200,000 \| +4\.00 \| +5\.00 \| +0\.25 \| +1\.00 \/ 200\.00/,
    );
    expect(complaints([ours])[0]).toContain("2 lost");
    expect(complaints([theirs])).toEqual([]);
    expect(markdown(["a", "b"], [["x", "-"]], 1)).toEqual(["| a |", "| - |", "| x |"]);
  });

  test("is a bar of the chart, longer for more", () => {
    const svg = chart([ours, theirs], workloads, {
      reference: "mosquitto",
      versions: { mosquitto: "2.0.11" },
      caption: ["5 rounds <of 4 s>", "one machine"],
    });
    expect(svg).toContain("5 rounds &lt;of 4 s&gt;");
    expect(svg).toContain(">one machine</text>");
    const bars = [...svg.matchAll(/width="([\d.]+)" height="13" rx="2" fill/g)].map(([, length]) =>
      Number(length),
    );
    expect(bars).toHaveLength(2);
    expect(bars[0]).toBeGreaterThan(bars[1]!);
    expect(svg).toContain(">4.0 x</tspan>");
    expect(svg).toContain(">Messages per second, mosquitto 2.0.11 = 1</text>");
    expect(svg).toContain(">flockmq</text>");
  });
});

describe("workloads", () => {
  test("are chosen by number or by part of a name", () => {
    const names = (only: string) => chooseWorkloads(only, false).map(({ name }) => name);
    expect(names("w2,retained")).toEqual(["pairs-qos0", "retained-qos1"]);
    expect(names("W1")).toEqual(["fan-out-qos0"]);
    expect(() => names("W2,W8")).toThrow("W8");
    expect(chooseWorkloads(undefined, false)).toEqual(workloads);
  });

  test("reach their aim with a rate above or CPU time below it", () => {
    const [devices] = chooseWorkloads("W5", false);
    expect([isMet(pairs!, 10), isMet(pairs!, 9.9), isMet(pairs!, Number.NaN)]).toEqual([
      true,
      false,
      null,
    ]);
    expect([isMet(devices!, 1), isMet(devices!, 1.1)]).toEqual([true, false]);
  });
});

test("both ends of each connection count what they sent", () => {
  const text = [
    "ESTAB 0 0 127.0.0.1:7001 127.0.0.1:40000",
    "\t cubic rto:201 bytes_sent:1500 bytes_retrans:0 bytes_acked:1500 bytes_received:20",
    "ESTAB 0 0 127.0.0.1:40000 127.0.0.1:7001",
    "\t cubic rto:201 bytes_sent:20 bytes_acked:20 bytes_received:1500",
  ];
  expect(sumSent(text.join("\n"))).toBe(1520);
});
