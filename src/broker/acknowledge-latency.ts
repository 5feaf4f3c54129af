import { type Clock, Histogram, latencyBoundsSeconds } from "#cluster";

/**
 * How long publishers at QoS 1 and 2 wait from the arrival of their PUBLISH until its acknowledgement leaves. Most are answered within
 * the turn of the event loop in which they came: these are counted together when the turn ends, each as long as the first of them, so
 * that the clock is read once for all.
 */
export class AcknowledgeLatency {
  readonly seconds = new Histogram(latencyBoundsSeconds);
  readonly #clock: Clock;
  readonly #endTurn = (): void => this.#turnEnded();
  #inTurn = 0;
  #turnSinceMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Acknowledged in the turn in which it came. */
  atOnce(receivedAtMs: number): void {
    if (this.#inTurn++ > 0) return;
    this.#turnSinceMs = receivedAtMs;
    this.#clock.endOfTurn(this.#endTurn);
  }

  later(receivedAtMs: number): void {
    this.seconds.observe((this.#clock.monotonicMs() - receivedAtMs) / 1000);
  }

  #turnEnded(): void {
    const seconds = (this.#clock.monotonicMs() - this.#turnSinceMs) / 1000;
    this.seconds.observe(seconds, this.#inTurn);
    this.#inTurn = 0;
  }
}
