import { describe, expect, test } from "vitest";
import { Histogram } from "#cluster";
import {
  addDelays,
  delayQuantileMs,
  parseLoopDelay,
  subtractDelays,
} from "../../../scripts/bench/load/loop-delay.ts";
import { expose } from "../../../src/telemetry/exposition.ts";

function metricsWith(...seconds: readonly number[]): string {
  const histogram = new Histogram([0.001, 0.01, 0.1]);
  for (const value of seconds) histogram.observe(value);
  return expose({
    ...{ info: {}, gauges: {}, counters: new Map(), cluster: new Map(), process: new Map() },
    histograms: new Map([["flockmq_event_loop_delay_seconds", histogram]]),
  });
}

describe("the delay of the event loop", () => {
  const before = parseLoopDelay(metricsWith(0.0005, 0.02));
  const after = parseLoopDelay(metricsWith(0.0005, 0.02, 0.005, 0.005, 0.5));

  test("is read from a node's metrics, bucket by bucket", () => {
    expect(before).toEqual({ boundsSeconds: [0.001, 0.01, 0.1], counts: [1, 0, 1, 0] });
    expect(() => parseLoopDelay("flockmq_connections 1")).toThrow("event_loop_delay");
  });

  test("between two looks is the difference, of several nodes the sum", () => {
    const delays = subtractDelays(after, before);
    expect(delays.counts).toEqual([0, 2, 0, 1]);
    expect(addDelays(delays, before).counts).toEqual(after.counts);
  });

  test("has quantiles within its buckets, infinite beyond the last", () => {
    expect(delayQuantileMs({ boundsSeconds: [0.001, 0.01], counts: [50, 50, 0] }, 0.5)).toBe(1);
    expect(delayQuantileMs({ boundsSeconds: [0.001, 0.01], counts: [0, 100, 0] }, 0.5)).toBeCloseTo(
      5.5,
    );
    expect(delayQuantileMs({ boundsSeconds: [0.001], counts: [0, 1] }, 0.99)).toBe(Infinity);
    expect(delayQuantileMs({ boundsSeconds: [0.001], counts: [0, 0] }, 0.99)).toBeNaN();
  });
});
