import { describe, expect, it } from "vitest";
import { Schedule } from "../../../scripts/chaos/schedule.ts";
import { tableOf } from "../../../scripts/chaos/scoreboard.ts";
import { seededRandom } from "../../../scripts/support/random.ts";

const names = Array.from({ length: 22 }, (_, i) => `nemesis ${i}`);
const endMs = 30 * 60_000;

function schedule(seed: number): Schedule {
  return new Schedule(names, { startMs: 0, endMs, runsMin: 2, random: seededRandom(seed) });
}

describe("the schedule of a chaos run", () => {
  it.each([1, 2, 3])(
    "gives everyone two turns in time if all keep to their budget, seed %i",
    (seed) => {
      const plan = schedule(seed);
      let nowMs = 0;
      for (let turn = plan.next(nowMs); plan.due.length > 0; turn = plan.next(nowMs)) {
        expect(turn).not.toBe(null);
        nowMs += turn?.budgetMs ?? 0;
        plan.ran(turn?.name ?? "");
      }
      expect(names.map((name) => plan.runsOf(name))).toEqual(names.map(() => 2));
      expect(nowMs).toBeLessThan(endMs);
    },
  );

  it("gives what others left to those that come later, and goes on until the checks at the end", () => {
    const plan = schedule(1);
    let nowMs = 0;
    const first = plan.next(nowMs);
    plan.ran(first?.name ?? "");
    expect(plan.next(1000)?.budgetMs).toBeGreaterThan(first?.budgetMs ?? 0);
    for (let turn = plan.next(nowMs); turn !== null; turn = plan.next(nowMs)) {
      plan.ran(turn.name);
      nowMs += 5000;
    }
    expect(endMs - nowMs).toBeLessThanOrEqual(90_000);
    const runs = names.map((name) => plan.runsOf(name));
    expect(Math.max(...runs) - Math.min(...runs)).toBeLessThanOrEqual(1);
  });

  it("repeats a turn that came to nothing before others have a third one", () => {
    const plan = schedule(4);
    const order: string[] = [];
    for (let turns = 0; turns < 60; turns++) {
      const name = plan.next(turns)?.name ?? "";
      order.push(name);
      if (name !== "nemesis 7" || order.filter((one) => one === name).length > 3) plan.ran(name);
    }
    expect(plan.due).toEqual([]);
    expect(order.slice(44, 47)).toEqual(["nemesis 7", "nemesis 7", "nemesis 7"]);
  });

  it("says who had too few turns when the time is up", () => {
    const plan = new Schedule(["a", "b"], { startMs: 0, endMs: 100, runsMin: 1, random: () => 0 });
    plan.ran(plan.next(0)?.name ?? "");
    expect(plan.next(100)).toBe(null);
    expect(plan.due).toHaveLength(1);
  });
});

it("the table says of each nemesis how often it ran and what was seen, or why it did not run", () => {
  const score = { harmMs: 1000, syncMs: 200, acknowledged: 10, unknown: 1 };
  const lines = tableOf(
    ["kill", "cut", "wipe"],
    [
      { ...score, name: "kill", what: "n1" },
      { ...score, name: "kill", what: "n2", harmMs: 3000 },
    ],
    new Map([["cut", "needs root"]]),
  );
  expect(lines).toEqual([
    "nemesis  runs  harm       in sync after  acknowledged  unknown  seen last",
    "kill     2     1.0-3.0 s  0.2 s          20            2        n2",
    "cut      0                                                      not run: needs root",
    "wipe     0                                                      no time left",
  ]);
});
