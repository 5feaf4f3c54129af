interface Waiter {
  readonly done: () => void;
  readonly failed: ((error: Error) => void) | null;
}

/** Changes that become durable together, and who waits for them. */
export abstract class Batch {
  /** Batches of a stream are numbered one after the other. */
  readonly sequence: number;
  protected size = 0;
  readonly #waiters: Waiter[] = [];
  readonly #gates: Promise<void>[] = [];
  #isSealed = false;

  constructor(sequence: number) {
    this.sequence = sequence;
  }

  get sizeBytes(): number {
    return this.size;
  }

  get changes(): number {
    return this.#waiters.length;
  }

  /** Takes no further change. */
  get isSealed(): boolean {
    return this.#isSealed;
  }

  seal(): void {
    this.#isSealed = true;
  }

  /** It must not set out before. */
  waitFor(gate: Promise<void>): void {
    this.#gates.push(gate);
  }

  /** Null when it may set out. */
  gate(): Promise<unknown> | null {
    return this.#gates.length === 0 ? null : Promise.all(this.#gates);
  }

  /** Called for each change when all of it is in. */
  join(done: () => void, failed: ((error: Error) => void) | null): void {
    this.#waiters.push({ done, failed });
  }

  landed(): void {
    for (const waiter of this.#waiters) waiter.done();
  }

  failed(error: Error): void {
    for (const waiter of this.#waiters) waiter.failed?.(error);
  }
}
