import type { Clock } from "#cluster";

/**
 * Keeps a turn of the event loop short however many sessions get retained messages: those for whom it has no time wait for the turns that
 * follow, in the order in which they came.
 */
export class RetainedTurns {
  readonly #clock: Clock;
  readonly #durationMs: number;
  #waiting: (() => void)[] = [];
  #isScheduled = false;
  #spentMs = 0;

  constructor(clock: Clock, durationMs: number) {
    this.#clock = clock;
    this.#durationMs = durationMs;
  }

  /** Runs it at once while this turn has time left and nobody waits. */
  now(slice: () => void): void {
    if (this.#waiting.length > 0 || this.#spentMs >= this.#durationMs) {
      this.later(slice);
      return;
    }
    this.#schedule();
    this.#run(slice);
  }

  later(slice: () => void): void {
    this.#waiting.push(slice);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#clock.endOfTurn(() => this.#begin());
  }

  /** The spent time of the last turn is over. */
  #begin(): void {
    this.#isScheduled = false;
    this.#spentMs = 0;
    const due = this.#waiting;
    if (due.length === 0) return;
    this.#waiting = [];
    let run = 0;
    while (run < due.length && this.#spentMs < this.#durationMs) this.#run(due[run++]!);
    this.#waiting = due.slice(run).concat(this.#waiting);
    this.#schedule();
  }

  #run(slice: () => void): void {
    const startMs = this.#clock.monotonicMs();
    slice();
    this.#spentMs += this.#clock.monotonicMs() - startMs;
  }
}
