import type { Clock } from "#cluster";
import type { TurnSpacing } from "./turn-spacing.ts";

/** Has something to read that came when the time for reading was over. */
export interface DeferredReader {
  readDeferred(): void;
}

/** Has sent so much at once that there is more to come. */
export interface RestingReader {
  readOn(): void;
}

/**
 * Keeps a turn of the event loop short however many clients have sent something: what comes when the time for reading is over waits
 * for the turns that follow, in the order in which it came. So timers and the other nodes get their share under any load.
 */
export class ReadingTurns {
  readonly #clock: Clock;
  readonly #durationMs: number;
  readonly #spacing: TurnSpacing | null;
  /** While any wait, a turn has begun. */
  #waiting: DeferredReader[] = [];
  #resting: RestingReader[] = [];
  #isBegun = false;
  #endsAtMs = 0;
  #turn = 0;

  /** `durationMs`: for reading, in one turn; what is read last may take longer. */
  constructor(clock: Clock, durationMs: number, spacing: TurnSpacing | null = null) {
    this.#clock = clock;
    this.#durationMs = durationMs;
    this.#spacing = spacing;
  }

  /** Its number, of turns in which something is read. */
  get turn(): number {
    return this.#turn;
  }

  /** Whether what came at `nowMs` may be read now; if not, the caller keeps it and calls `defer`. */
  hasTime(nowMs: number): boolean {
    if (!this.#isBegun) {
      this.#isBegun = true;
      this.#turn++;
      this.#endsAtMs = nowMs + this.#durationMs;
      this.#clock.endOfTurn(() => this.#readDeferred());
      return true;
    }
    return this.#waiting.length === 0 && nowMs < this.#endsAtMs;
  }

  defer(reader: DeferredReader): void {
    this.#waiting.push(reader);
  }

  /** `reader` is not read any more in this turn, and told when the next one comes: all others have been read by then. */
  rest(reader: RestingReader): void {
    if (this.#resting.length === 0) this.#clock.endOfTurn(() => this.#readOn());
    this.#resting.push(reader);
  }

  #readOn(): void {
    const rested = this.#resting;
    this.#resting = [];
    for (const reader of rested) reader.readOn();
  }

  #readDeferred(): void {
    const due = this.#waiting;
    if (due.length === 0) {
      this.#isBegun = false;
      this.#spacing?.turnEnded(this.#endsAtMs - this.#durationMs);
      return;
    }
    this.#turn++;
    const endsAtMs = this.#clock.monotonicMs() + this.#durationMs;
    let read = 0;
    while (read < due.length) {
      due[read++]!.readDeferred();
      if (this.#clock.monotonicMs() >= endsAtMs) break;
    }
    this.#waiting = due.slice(read);
    this.#isBegun = this.#waiting.length > 0;
    if (this.#isBegun) this.#clock.endOfTurn(() => this.#readDeferred());
  }
}
