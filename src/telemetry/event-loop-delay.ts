import { type Cancel, type Clock, Histogram } from "#cluster";

const sampleMs = 100;
const boundsSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** How late timers are: whatever waits for the event loop, such as a packet, waits as long. */
export class EventLoopDelay {
  readonly seconds = new Histogram(boundsSeconds);
  readonly #clock: Clock;
  #cancel: Cancel | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#sample();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  #sample(): void {
    const dueMs = this.#clock.monotonicMs() + sampleMs;
    this.#cancel = this.#clock.after(sampleMs, () => {
      this.seconds.observe(Math.max(0, this.#clock.monotonicMs() - dueMs) / 1000);
      this.#sample();
    });
  }
}
