import { readdirSync } from "node:fs";
import { setPriority } from "node:os";

const niceMax = 19;

/**
 * Of this process towards the system. On Linux each thread has a niceness of its own, and `setPriority` reaches only the main
 * one; threads that start later take that of the thread that starts them.
 */
export function setNiceness(niceness: number): void {
  setPriority(niceness);
  setOtherThreads(niceness);
}

/** Compilers of V8 run in threads beside the main one; a thread that is woken would wait for their turn to end, for up to 4 ms. */
export function letHelpersYield(): void {
  setOtherThreads(niceMax);
}

function setOtherThreads(niceness: number): void {
  for (const thread of otherThreads()) {
    try {
      setPriority(thread, niceness);
    } catch {
      // It has ended meanwhile.
    }
  }
}

function otherThreads(): readonly number[] {
  try {
    const all = readdirSync("/proc/self/task").map(Number);
    return all.filter((thread) => thread !== process.pid);
  } catch {
    // A system without /proc, where the niceness is the process's.
    return [];
  }
}
