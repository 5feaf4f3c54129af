import { readFileSync } from "node:fs";

/** Resident memory of a process, as the kernel counts it. NaN where the system has no /proc. */
export function residentSizeBytes(pid: number): number {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"));
    return Number(kilobytes?.[1] ?? Number.NaN) * 1024;
  } catch {
    return Number.NaN;
  }
}
