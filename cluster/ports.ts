/** What the cluster library needs from outside, so that a simulator can hand it a clock of its own. */

/** Cancels what a timer would have done; harmless when it already ran. */
export type Cancel = () => void;

export interface Clock {
  /** Milliseconds since an arbitrary fixed origin; never goes backwards. */
  monotonicMs(): number;
  /** Milliseconds since 1970-01-01 UTC; may jump. Only for time stamps that a person reads or a log entry carries. */
  wallMs(): number;
  after(delayMs: number, run: () => void): Cancel;
  /** Runs once the current turn of the event loop has read its input (setImmediate). */
  endOfTurn(run: () => void): void;
  /**
   * Where time may pass within a turn: when all that was given to `endOfTurn` has run and nothing new was, the process does nothing until
   * `untilMs` (monotonic), which is a fraction of a millisecond ahead.
   */
  holdTurn?(untilMs: number): void;
}

/** A number in [0, 1). */
export type Random = () => number;

/** The subset of pino that the library calls. One line per event an operator needs, none per message. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/**
 * Counters by name; a name is declared where it is counted and listed in `docs/metrics.md`.
 * Plain numbers, because they are bumped per message.
 */
export class Counters {
  readonly #values = new Map<string, number>();

  add(name: string, amount = 1): void {
    this.#values.set(name, (this.#values.get(name) ?? 0) + amount);
  }

  get(name: string): number {
    return this.#values.get(name) ?? 0;
  }

  entries(): IterableIterator<[string, number]> {
    return this.#values.entries();
  }
}
