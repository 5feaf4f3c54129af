import { describe, expect, test } from "vitest";
import { hearersOf, hearingsOf, otherFilter, topicOf } from "../../../scripts/bench/load/plan.ts";
import {
  furtherWorkloads,
  plainLoad,
  withRate,
  withWindow,
  workloads,
} from "../../../scripts/bench/workloads.ts";
import { matches } from "../../../src/mqtt/topic.ts";

const pairs = { ...plainLoad, run: 7, publishers: 10, subscribers: 10 };
const plans = [...workloads, ...furtherWorkloads].map(({ name, job }) => [
  name,
  { ...job, run: 7 },
]) as [string, typeof pairs][];

describe("who hears whom in the load", () => {
  test.each([...plans, ["overlapping", { ...pairs, hasOverlaps: true }] as const])(
    "%s: each filter matches the topics of exactly the publishers that are counted",
    (_name, plan) => {
      for (const { filters, publishers } of hearingsOf(plan)) {
        for (let publisher = 0; publisher < plan.publishers; publisher++) {
          for (let topic = 0; topic < plan.topicsPerPublisher; topic++) {
            const name = topicOf(plan, publisher, topic);
            const matching = filters.filter((filter) => matches(filter, name));
            expect(matching, name).toHaveLength(publishers.includes(publisher) ? 1 : 0);
          }
        }
      }
    },
  );

  test("a fifth of the pairs is heard by three more", () => {
    const plan = { ...pairs, hasOverlaps: true };
    expect([...hearersOf(plan, hearingsOf(plan))]).toEqual([4, 4, 1, 1, 1, 1, 1, 1, 1, 1]);
  });

  test("the other filters match nothing and are all different", () => {
    const filters = Array.from({ length: 1000 }, (_, at) => otherFilter(7, at));
    expect(new Set(filters).size).toBe(1000);
    const plan = { ...pairs, hasOverlaps: true };
    for (let publisher = 0; publisher < plan.publishers; publisher++) {
      const topic = topicOf(plan, publisher, 0);
      expect(filters.filter((filter) => matches(filter, topic))).toEqual([]);
    }
  });
});

test("a window that is asked for is that of all workloads, and stands in their titles once", () => {
  expect(withWindow(workloads, null)).toBe(workloads);
  const chosen = withWindow([...workloads, ...furtherWorkloads], 10);
  expect(new Set(chosen.map(({ job }) => job.window))).toEqual(new Set([10]));
  const [pairs] = chosen.filter(({ number }) => number === "W3");
  expect(pairs!.title).toBe("W3: 50 -> 50 pairs, QoS 1, window 10");
  for (const { title } of chosen) expect(title.match(/window/g)).toHaveLength(1);
});

test("a rate that is asked for is that of all publishers together, and leaves no other aim", () => {
  expect(withRate(workloads, null)).toBe(workloads);
  const chosen = withRate([...workloads, ...furtherWorkloads], 50_000);
  for (const { job, compared, aim, p99AimMs, title } of chosen) {
    expect(job.rate * job.publishers).toBe(50_000);
    expect([compared, aim, p99AimMs]).toEqual(["cpu", null, null]);
    expect(title.match(/[\d,]+\/s/g)).toEqual(["50,000/s"]);
  }
  const [devices] = chosen.filter(({ number }) => number === "W5");
  expect(devices!.title).toBe("W5: 1,000 devices -> 1, QoS 1, 50,000/s");
});
