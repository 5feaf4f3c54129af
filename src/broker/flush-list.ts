import type { Clock } from "#cluster";
import { Gatherer } from "./output-gathering.ts";
import { RunPool } from "./run-pool.ts";

export interface Flushable {
  flush(): void;
}

/**
 * Connections that have output, written once at the end of the turn: one system call per socket and turn however many
 * messages it got, and one setImmediate for all of them.
 */
export class FlushList {
  /** Memory that their output of a turn is collected in. */
  readonly runs = new RunPool();
  readonly gatherer = new Gatherer();
  readonly #clock: Clock;
  #waiting: Flushable[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(connection: Flushable): void {
    if (this.#waiting.length === 0) this.#clock.endOfTurn(() => this.flushAll());
    this.#waiting.push(connection);
  }

  flushAll(): void {
    const due = this.#waiting;
    this.#waiting = [];
    for (const connection of due) connection.flush();
    this.gatherer.forget();
  }
}
