import type { MessageTimes } from "./schedule.ts";

/** When the newest messages of each publisher were written, by sequence number. */
export class WrittenTimes implements MessageTimes {
  readonly #remembered: number;
  readonly #atMs: Float64Array;

  /** `remembered` of each publisher: as many as may be on their way. */
  constructor(publishers: number, remembered: number) {
    this.#remembered = remembered;
    this.#atMs = new Float64Array(publishers * remembered);
  }

  written(publisher: number, sequence: number, nowMs: number): void {
    this.#atMs[publisher * this.#remembered + (sequence % this.#remembered)] = nowMs;
  }

  ofMs(publisher: number, sequence: number): number {
    return this.#atMs[publisher * this.#remembered + (sequence % this.#remembered)]!;
  }
}
