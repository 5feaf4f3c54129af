import type { Cancel, Clock } from "#cluster";

/**
 * Many coarse deadlines behind one interval: keep alive, expiry, will delay. Nothing runs early; everything runs
 * within one tick of its time. Cost per deadline is a map entry, not a timer.
 */
export class DeadlineWheel {
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #buckets = new Map<number, Set<() => void>>();
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
    const tick = Math.max(Math.ceil(deadlineMs / this.#tickMs), this.#lastTick + 1);
    let bucket = this.#buckets.get(tick);
    if (!bucket) {
      bucket = new Set();
      this.#buckets.set(tick, bucket);
    }
    // A wrapper of its own, so that the same function may be set twice.
    const entry = () => run();
    bucket.add(entry);
    const home = bucket;
    return () => {
      home.delete(entry);
    };
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
      this.#buckets.delete(key);
      for (const run of bucket) run();
    }
  }
}
