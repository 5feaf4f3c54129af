import type { Cancel, Clock } from "../../cluster/ports.ts";

interface Timer {
  readonly dueMs: number;
  /** Breaks ties: timers due at the same moment run in the order in which they were set. */
  readonly sequence: number;
  readonly run: () => void;
}

/** Turns in a row that may go by without time passing before a test is told that its code spins. */
const turnsMax = 100_000;

/**
 * A clock that moves only when a test says so. Work given to `endOfTurn` runs in rounds ("turns"): what one turn
 * schedules belongs to the next, as with setImmediate. Promises are not run: await them between two calls.
 */
export class FakeClock implements Clock {
  #nowMs = 0;
  readonly #wallOffsetMs: number;
  #timers: Timer[] = [];
  #sequence = 0;
  #turn: (() => void)[] = [];

  /** `wallStartMs` is what `wallMs()` answers before the first advance. */
  constructor(wallStartMs = 1_700_000_000_000) {
    this.#wallOffsetMs = wallStartMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#wallOffsetMs + this.#nowMs;
  }

  after(delayMs: number, run: () => void): Cancel {
    const timer: Timer = {
      dueMs: this.#nowMs + Math.max(0, delayMs),
      sequence: this.#sequence++,
      run,
    };
    const at = this.#timers.findIndex((other) => other.dueMs > timer.dueMs);
    this.#timers.splice(at === -1 ? this.#timers.length : at, 0, timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  endOfTurn(run: () => void): void {
    this.#turn.push(run);
  }

  /** Ends the current turn and every turn that this brings about; time stands still. */
  endTurns(): void {
    for (let turns = 0; this.#turn.length > 0; turns++) {
      if (turns > turnsMax) throw new Error(`no end after ${turnsMax} turns: endOfTurn spins`);
      const due = this.#turn;
      this.#turn = [];
      for (const run of due) run();
    }
  }

  /** Lets `durationMs` pass: runs every timer that falls due, in order, each followed by the end of its turn. */
  advance(durationMs: number): void {
    const untilMs = this.#nowMs + durationMs;
    this.endTurns();
    for (let next = this.#timers[0]; next && next.dueMs <= untilMs; next = this.#timers[0]) {
      this.#timers.shift();
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.run();
      this.endTurns();
    }
    this.#nowMs = untilMs;
  }

  /** Milliseconds until the next timer; null when none is set and nothing more can happen by itself. */
  nextDueMs(): number | null {
    if (this.#turn.length > 0) return 0;
    const next = this.#timers[0];
    return next ? Math.max(0, next.dueMs - this.#nowMs) : null;
  }

  pendingTimers(): number {
    return this.#timers.length;
  }
}
