import type { Clock, Log } from "../ports.ts";

const periodMs = 60_000;

/** Logs a warning at most once a minute for each subject, so that a peer that keeps knocking does not fill the disk. */
export class QuietLog {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #subjectsMax: number;
  readonly #loggedMs = new Map<string, number>();

  constructor(log: Log, clock: Clock, subjectsMax: number) {
    this.#log = log;
    this.#clock = clock;
    this.#subjectsMax = subjectsMax;
  }

  warn(subject: string, fields: object, message: string): void {
    const nowMs = this.#clock.monotonicMs();
    const loggedMs = this.#loggedMs.get(subject);
    if (loggedMs !== undefined && nowMs - loggedMs < periodMs) return;
    // Deleting first moves the subject to the end: the first key is always the one logged longest ago.
    this.#loggedMs.delete(subject);
    this.#loggedMs.set(subject, nowMs);
    if (this.#loggedMs.size > this.#subjectsMax) {
      const [oldest] = this.#loggedMs.keys();
      if (oldest !== undefined) this.#loggedMs.delete(oldest);
    }
    this.#log.warn(fields, message);
  }
}
