import type { Cancel, Clock } from "../ports.ts";

/** The process's own clock, timers and event loop. */
export const systemClock: Clock = {
  monotonicMs(): number {
    return performance.now();
  },
  wallMs(): number {
    return Date.now();
  },
  after(delayMs: number, run: () => void): Cancel {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
  endOfTurn(run: () => void): void {
    setImmediate(run);
  },
};
