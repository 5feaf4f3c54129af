import { expect, test } from "vitest";
import { Histogram, latencyBoundsSeconds } from "#cluster";
import { expose } from "../../../src/telemetry/exposition.ts";

const nothing = {
  ...{ info: {}, gauges: {}, counters: new Map(), cluster: new Map(), process: new Map() },
} as const;

test("an observation counts for each bound that it does not exceed, the bound itself included", () => {
  const histogram = new Histogram([0.1, 1, 10]);
  for (const value of [0, 0.1, 0.5, 10, 11]) histogram.observe(value);
  expect(histogram.cumulative()).toEqual([2, 3, 4, 5]);
  expect(histogram.sum).toBeCloseTo(21.6);
});

test("is told as Prometheus wants it, in seconds, with a last bound that holds everything", () => {
  const latency = new Histogram([0.005, 0.5]);
  latency.observe(0.25);
  const text = expose({
    ...nothing,
    histograms: new Map([["flockmq_x_latency_seconds", latency]]),
  });
  expect(text).toContain("# TYPE flockmq_x_latency_seconds histogram\n");
  expect(text.split("\n").filter((line) => line.startsWith("flockmq_x"))).toEqual([
    'flockmq_x_latency_seconds_bucket{le="0.005"} 0',
    'flockmq_x_latency_seconds_bucket{le="0.5"} 1',
    'flockmq_x_latency_seconds_bucket{le="+Inf"} 1',
    "flockmq_x_latency_seconds_sum 0.25",
    "flockmq_x_latency_seconds_count 1",
  ]);
});

test("bounds of latencies ascend, so that quantiles can be told between a tenth of a millisecond and ten seconds", () => {
  expect([...latencyBoundsSeconds].sort((a, b) => a - b)).toEqual(latencyBoundsSeconds);
  expect([latencyBoundsSeconds[0], latencyBoundsSeconds.at(-1)]).toEqual([0.0001, 10]);
});
