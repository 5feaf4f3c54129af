/** Of one publisher; more than any window. */
const remembered = 128;

/** When the newest messages of each publisher were due, by sequence number, in milliseconds. */
export class DueTimes {
  readonly #atMs: Float64Array;

  constructor(publishers: number) {
    this.#atMs = new Float64Array(publishers * remembered);
  }

  note(publisher: number, sequence: number, dueMs: number): void {
    this.#atMs[publisher * remembered + (sequence % remembered)] = dueMs;
  }

  of(publisher: number, sequence: number): number {
    return this.#atMs[publisher * remembered + (sequence % remembered)]!;
  }
}
