import type { ScheduleResult } from "../../test/sim/schedule.ts";

/** The one command that repeats a schedule. */
export function replayCommand({ seed, faults }: ScheduleResult, seconds: number): string {
  const list = faults.length > 0 ? ` --faults ${faults.join()}` : "";
  return `npm run sim -- --seed ${seed} --seconds ${seconds}${list} --verbose`;
}
