import { expect, test } from "vitest";
import { needsLevel, planOf } from "./plan.ts";
import { runSchedule } from "./schedule.ts";
import { shrink } from "./shrink.ts";

/** The slice that every `npm test` runs: short schedules; `npm run sim:many` runs long ones. */
const groups = 10;
const schedulesPerGroup = 20;
const seconds = 4;
const timeoutMs = 120_000;

test.each(Array.from({ length: groups }, (_, group) => group * schedulesPerGroup + 1))(
  "twenty schedules from seed %i on keep every promise",
  async (first) => {
    const failures: string[] = [];
    let acknowledged = 0;
    for (let seed = first; seed < first + schedulesPerGroup; seed++) {
      const result = await runSchedule({ seed, seconds });
      acknowledged += result.acknowledged;
      if (result.violation !== null) {
        failures.push(
          `npm run sim -- --seed ${seed} --seconds ${seconds}: ${result.violation.message}`,
        );
      }
    }
    expect(failures).toEqual([]);
    // A simulator in which nothing happens would pass as well.
    expect(acknowledged).toBeGreaterThan(schedulesPerGroup * 20);
  },
  timeoutMs,
);

test(
  "the same seed gives the same run, event by event",
  async () => {
    for (const seed of [3, 4, 5, 15]) {
      const first = await runSchedule({ seed, seconds });
      const second = await runSchedule({ seed, seconds });
      expect(second).toEqual(first);
    }
    const [one, other] = [
      await runSchedule({ seed: 3, seconds: 1 }),
      await runSchedule({ seed: 4, seconds: 1 }),
    ];
    expect(one.traceHash).not.toBe(other.traceHash);
  },
  timeoutMs,
);

test(
  "disks are damaged, and their nodes notice what can be noticed",
  async () => {
    const chosen = Array.from({ length: 60 }, (_, i) => i + 1).filter((seed) =>
      needsLevel(planOf(seed, 10)),
    );
    const failures: string[] = [];
    let [noticed, unnoticed] = [0, 0];
    for (const seed of chosen) {
      const result = await runSchedule({ seed, seconds: 10 });
      noticed += result.damagesNoticed;
      unnoticed += result.damagesUnnoticed;
      if (result.violation !== null) failures.push(`seed ${seed}: ${result.violation.message}`);
    }
    expect(failures).toEqual([]);
    expect(noticed).toBeGreaterThan(0);
    expect(unnoticed).toBeGreaterThan(0);
  },
  timeoutMs,
);

test(
  "leaving a fault out changes nothing for the others, and a schedule that passes does not shrink",
  async () => {
    const whole = await runSchedule({ seed: 4, seconds });
    const without = await runSchedule({ seed: 4, seconds, faults: whole.faults.slice(0, 2) });
    expect(without.violation).toBe(null);
    expect(without.faults).toEqual(whole.faults.slice(0, 2));
    expect(await shrink({ seed: 4, seconds: 1 }, () => undefined)).toBe(null);
  },
  timeoutMs,
);
