import type { Cancel, Clock } from "../ports.ts";

/** What was given to `endOfTurn` and has not run. */
let waiting = 0;
let heldUntilMs = 0;
let heldForMs = 0;
/** Elsewhere waits of less than a millisecond may be spun. */
const isHoldable = process.platform === "linux" || process.platform === "darwin";
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
    if (isHoldable) heldUntilMs = untilMs;
  },
};

/** How long turns were held since the process began; Node.js counts that as busy. */
export function timeHeldMs(): number {
  return heldForMs;
}

function runAtEnd(run: () => void): void {
  waiting--;
  try {
    run();
  } finally {
    if (waiting === 0 && heldUntilMs > 0) queueMicrotask(holdSoon);
  }
}

/** When the promises that were settled meanwhile have had their say. */
function holdSoon(): void {
  process.nextTick(hold);
}

function hold(): void {
  if (waiting > 0 || heldUntilMs === 0) return;
  const sinceMs = performance.now();
  const leftMs = heldUntilMs - sinceMs;
  heldUntilMs = 0;
  if (leftMs <= 0) return;
  Atomics.wait(held, 0, 0, leftMs);
  heldForMs += performance.now() - sinceMs;
}
