import type { Cancel, Clock } from "#cluster";

/** An object with one deadline at a time, which costs an entry in a set and nothing else. */
export interface Due {
  deadlinePassed(): void;
}

/**
 * Many coarse deadlines behind one interval: keep alive, expiry, will delay. Nothing runs early; everything runs
 * within one tick of its time. Cost per deadline is a map entry, not a timer.
 */
export class DeadlineWheel {
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #buckets = new Map<number, Set<Due>>();
  #lastTick: number;
  #cancelTimer: Cancel | null = null;
  #isStopped = false;

  constructor(clock: Clock, tickMs: number) {
    this.#clock = clock;
    this.#tickMs = tickMs;
    this.#lastTick = Math.floor(clock.monotonicMs() / tickMs);
  }

  start(): void {
    this.#isStopped = false;
    this.#arm();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#buckets.clear();
  }

  /** Milliseconds of the monotonic clock, as `at` takes them. */
  nowMs(): number {
    return this.#clock.monotonicMs();
  }

  after(delayMs: number, run: () => void): Cancel {
    return this.at(this.#clock.monotonicMs() + delayMs, run);
  }

  at(deadlineMs: number, run: () => void): Cancel {
    // An object of its own, so that the same function may be set twice.
    const due = { deadlinePassed: run };
    const tick = this.set(deadlineMs, due);
    return () => this.clear(tick, due);
  }

  /** Answers what `clear` takes. */
  set(deadlineMs: number, due: Due): number {
    const tick = Math.max(Math.ceil(deadlineMs / this.#tickMs), this.#lastTick + 1);
    let bucket = this.#buckets.get(tick);
    if (!bucket) {
      bucket = new Set();
      this.#buckets.set(tick, bucket);
    }
    bucket.add(due);
    return tick;
  }

  /** Harmless when it has passed. */
  clear(tick: number, due: Due): void {
    this.#buckets.get(tick)?.delete(due);
  }

  #arm(): void {
    this.#cancelTimer = this.#clock.after(this.#tickMs, () => {
      this.#advance();
      if (!this.#isStopped) this.#arm();
    });
  }

  #advance(): void {
    const tick = Math.floor(this.#clock.monotonicMs() / this.#tickMs);
    // After a long pause it is cheaper to look at the buckets that exist than at every tick that went by.
    const due =
      tick - this.#lastTick > this.#buckets.size
        ? [...this.#buckets.keys()].filter((key) => key <= tick).sort((a, b) => a - b)
        : Array.from({ length: tick - this.#lastTick }, (_, at) => this.#lastTick + 1 + at);
    this.#lastTick = tick;
    for (const key of due) {
      const bucket = this.#buckets.get(key);
      if (!bucket) continue;
      for (const each of bucket) each.deadlinePassed();
      // Not before, since one of them may clear another.
      this.#buckets.delete(key);
    }
  }
}
