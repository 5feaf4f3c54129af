import type { LoadJob } from "./job.ts";
import type { Publisher } from "./publisher.ts";

const timerMs = 1;

/** Publishers at a steady rate, one after the other, however long an answer takes. */
export class Pacer {
  readonly #publishers: readonly Publisher[];
  readonly #isSpinning: boolean;
  readonly #intervalMs: number;
  #startMs = 0;
  #sent = 0;
  #isStopped = false;

  constructor(job: LoadJob, publishers: readonly Publisher[]) {
    this.#publishers = publishers;
    this.#isSpinning = job.pacing === "spin";
    this.#intervalMs = 1000 / (job.rate * publishers.length);
  }

  start(): void {
    this.#startMs = performance.now();
    this.#turn();
  }

  stop(): void {
    this.#isStopped = true;
  }

  #turn(): void {
    if (this.#isStopped) return;
    const nowMs = performance.now();
    for (;;) {
      const dueMs = this.#startMs + this.#sent * this.#intervalMs;
      if (dueMs > nowMs) break;
      // A timer is late by itself, which is not the broker's fault.
      const fromMs = this.#isSpinning ? dueMs : nowMs;
      this.#publishers[this.#sent++ % this.#publishers.length]!.send(fromMs);
    }
    if (this.#isSpinning) setImmediate(() => this.#turn());
    else setTimeout(() => this.#turn(), timerMs);
  }
}
