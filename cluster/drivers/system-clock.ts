import type { Cancel, Clock } from "../ports.ts";

/** What was given to `endOfTurn` and has not run. */
let waiting = 0;
let heldUntilMs = 0;
/** Nobody wakes up who waits for it: timers of the event loop know whole milliseconds only. */
const held = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

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
    waiting++;
    setImmediate(runAtEnd, run);
  },
  holdTurn(untilMs: number): void {
    heldUntilMs = untilMs;
  },
};

function runAtEnd(run: () => void): void {
  waiting--;
  try {
    run();
  } finally {
    if (waiting === 0 && heldUntilMs > 0) hold();
  }
}

function hold(): void {
  const leftMs = heldUntilMs - performance.now();
  heldUntilMs = 0;
  if (leftMs > 0) Atomics.wait(held, 0, 0, leftMs);
}
