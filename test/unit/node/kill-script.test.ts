import { expect, test } from "vitest";
import { killScript } from "../../../scripts/support/kill-script.ts";

test("the demo kills one follower after the other and never the node that the printed page comes from", () => {
  const steps = killScript(0, 3);
  expect(steps.slice(0, 4)).toEqual([
    { atSeconds: 25, action: "kill", node: 2 },
    { atSeconds: 45, action: "restart", node: 2 },
    { atSeconds: 100, action: "kill", node: 1 },
    { atSeconds: 120, action: "restart", node: 1 },
  ]);
  expect(steps.some(({ node }) => node === 0)).toBe(false);
});

test("every node that was killed is back, with time to get in step, before the end", () => {
  for (const seconds of [12, 20, 59, 60, 61, 134, 135, 600]) {
    const steps = killScript(seconds, 3);
    expect(steps.length).toBeGreaterThan(0);
    expect(steps.length % 2).toBe(0);
    expect((steps.at(-1)?.atSeconds ?? 0) + 3).toBeLessThanOrEqual(seconds);
  }
});

test("a run too short to see anything, and a cluster that would lose its quorum, stay whole", () => {
  expect(killScript(5, 3)).toEqual([]);
  expect(killScript(0, 2)).toEqual([]);
});
