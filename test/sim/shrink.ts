import { runSchedule, type ScheduleOptions } from "./schedule.ts";

/**
 * Leaves out faults while the schedule still breaks the same promise: halves first, then quarters, down to single ones. Null when
 * it does not fail to begin with.
 */
export async function shrink(
  options: ScheduleOptions,
  say: (text: string) => void,
): Promise<number[] | null> {
  const first = await runSchedule(options);
  if (first.violation === null) return null;
  const { promise } = first.violation;
  let faults = [...first.faults];
  for (let size = Math.ceil(faults.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < faults.length; ) {
      const fewer = [...faults.slice(0, at), ...faults.slice(at + size)];
      const { violation } = await runSchedule({ ...options, faults: fewer });
      if (violation?.promise === promise) {
        faults = fewer;
        say(`still broken with ${faults.length} faults`);
      } else at += size;
    }
  }
  return faults;
}
