/** One seed to run; twice when its two traces are to be compared. */
export interface Task {
  readonly seed: number;
  readonly isTwice: boolean;
}

/** Seeds in a row, handed out one by one; those that run twice are spread evenly over them. */
export class SeedQueue {
  readonly size: number;
  readonly #from: number;
  readonly #twice: number;
  #taken = 0;
  #isClosed = false;

  constructor(from: number, size: number, twice: number) {
    this.size = size;
    this.#from = from;
    this.#twice = Math.min(twice, size);
  }

  /** Not handed out yet. */
  get left(): number {
    return this.#isClosed ? 0 : this.size - this.#taken;
  }

  /** Null when none is left. */
  take(): Task | null {
    if (this.left === 0) return null;
    const at = this.#taken++;
    const twiceUpTo = (count: number): number => Math.floor((count * this.#twice) / this.size);
    return { seed: this.#from + at, isTwice: twiceUpTo(at + 1) > twiceUpTo(at) };
  }

  close(): void {
    this.#isClosed = true;
  }
}
