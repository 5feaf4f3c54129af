import { spawn } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { replayCommand } from "../../scripts/sim/report.ts";
import { SeedQueue } from "../../scripts/sim/seed-queue.ts";
import { Tally } from "../../scripts/sim/tally.ts";
import { runWorkers } from "../../scripts/sim/workers.ts";
import type { ScheduleResult } from "./schedule.ts";

const root = join(import.meta.dirname, "../..");

function resultOf(seed: number, more: Partial<ScheduleResult> = {}): ScheduleResult {
  return {
    ...{ seed, violation: null, traceHash: "a", simulatedMs: 60_000, events: 10, faults: [1, 2] },
    ...{ commits: 1, leaders: 1, acknowledged: 1, reads: 1, snapshots: 0, compactions: 0 },
    ...more,
  } as ScheduleResult;
}

test("a part of a series begins where it is told, and spreads its double runs evenly", () => {
  const queue = new SeedQueue(101, 10, 3);
  const tasks = Array.from({ length: 10 }, () => queue.take());
  expect(tasks.map((task) => task?.seed)).toEqual(Array.from({ length: 10 }, (_, i) => 101 + i));
  expect(tasks.filter((task) => task?.isTwice).map((task) => task?.seed)).toEqual([104, 107, 110]);
  expect(queue.take()).toBe(null);
  const closed = new SeedQueue(1, 2, 5);
  expect(closed.take()).toEqual({ seed: 1, isTwice: true });
  closed.close();
  expect([closed.left, closed.take()]).toEqual([0, null]);
});

test("speed is simulated time by processor time, and its median that of single schedules", () => {
  const tally = new Tally();
  for (const [seed, cpuMs] of [200, 300, 600].entries()) {
    expect(tally.add({ result: resultOf(seed), again: null, cpuMs })).toBe(null);
  }
  const again = { traceHash: "a", simulatedMs: 60_000 };
  expect(tally.add({ result: resultOf(4), again, cpuMs: 1200 })).toBe(null);
  const outcome = tally.outcome();
  expect(outcome).toMatchObject({ schedules: 4, comparedTwice: 1, faults: 8, failures: [] });
  expect([outcome.timesRealTime, outcome.timesRealTimeMedian]).toEqual([130, 200]);
  expect(outcome.timesRealTimeMin).toBe(100);
});

test("a broken promise, another trace the second time, and a lost worker are failures", () => {
  const tally = new Tally();
  const violation = { promise: "election safety", message: "election safety: two lead" };
  tally.add({ result: resultOf(1, { violation }), again: null, cpuMs: 1 });
  tally.add({ result: resultOf(2), again: { traceHash: "b", simulatedMs: 1 }, cpuMs: 1 });
  const lost = tally.lost(3, "the simulator ended with SIGKILL");
  expect(tally.outcome().failures).toEqual([
    { seed: 1, faults: [1, 2], message: "election safety: two lead" },
    { seed: 2, faults: [1, 2], message: "determinism: trace a, the second time b" },
    lost,
  ]);
  expect(replayCommand(lost, 60)).toBe("npm run sim -- --seed 3 --seconds 60 --verbose");
});

test("a schedule may use so much processor time and no more, however long that takes", async () => {
  const queue = new SeedQueue(3, 2, 0);
  const lost: string[] = [];
  await runWorkers({
    ...{ count: 1, seconds: 100_000, cpuMaxMs: 50 },
    nextTask: () => queue.take(),
    onDone: () => lost.push("done"),
    onLost: ({ seed }, reason) => lost.push(`${seed} ${reason}`),
  });
  const reason = "liveness: the schedule used up its processor time";
  expect(lost).toEqual([`3 ${reason}`, `4 ${reason}`]);
}, 60_000);

test("the program runs seeds in several processes and says how fast they were", async () => {
  const args = ["--schedules", "4", "--from", "11", "--seconds", "1", "--twice", "2", "--json"];
  const child = spawn(
    process.execPath,
    ["--conditions=flockmq-source", "scripts/sim/many.ts", ...args, "--workers", "2"],
    { cwd: root, stdio: ["ignore", "pipe", "inherit"] },
  );
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const code = await new Promise((resolve) => child.on("close", resolve));
  const outcome = JSON.parse(output) as Record<string, unknown>;
  expect(outcome).toMatchObject({ schedules: 4, comparedTwice: 2, failures: [] });
  expect(outcome["timesRealTime"]).toBeGreaterThan(0);
  expect(code).toBe(0);
}, 60_000);
