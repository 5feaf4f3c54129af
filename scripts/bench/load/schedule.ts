/** From when the latency of each message counts, by publisher and sequence number. */
export interface MessageTimes {
  written(publisher: number, sequence: number, nowMs: number): void;
  ofMs(publisher: number, sequence: number): number;
}

/** When messages are due: one of each publisher in turn, at a steady rate from the start on, however long an answer takes. */
export class Schedule implements MessageTimes {
  readonly intervalMs: number;
  readonly #publishers: number;
  #startMs = Number.POSITIVE_INFINITY;

  /** `rate` is that of each publisher, in messages a second. */
  constructor(publishers: number, rate: number) {
    this.#publishers = publishers;
    this.intervalMs = 1000 / (rate * publishers);
  }

  start(nowMs: number): void {
    this.#startMs = nowMs;
  }

  /** How many messages of all publishers together. */
  dueUntil(nowMs: number): number {
    return Math.floor((nowMs - this.#startMs) / this.intervalMs) + 1;
  }

  /** A message is due when it is due, however long it waits until it is written. */
  written(): void {}

  ofMs(publisher: number, sequence: number): number {
    return this.#startMs + (sequence * this.#publishers + publisher) * this.intervalMs;
  }
}
