import { readFileSync } from "node:fs";

/** USER_HZ of every Linux port that Node runs on. */
const ticksPerSecond = 100;

/** The field of /proc/PID/stat with the user time; the system time follows. Counted behind the name in parentheses. */
const userTimeField = 11;

/**
 * CPU time of processes with all their threads, user and system, from their own accounting, in seconds. NaN where the
 * system has no /proc.
 */
export function cpuSeconds(pids: readonly number[]): number {
  return pids.reduce((total, pid) => total + secondsOf(pid), 0);
}

function secondsOf(pid: number): number {
  try {
    return parseCpuSeconds(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return Number.NaN;
  }
}

export function parseCpuSeconds(stat: string): number {
  // The name may contain spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[userTimeField]) + Number(fields[userTimeField + 1])) / ticksPerSecond;
}
