import { shuffled } from "./harm.ts";

/** So much of its time a run keeps for the checks at its end, but no more than that. */
const checkShare = 0.15;
const checkMsMax = 90_000;

export interface ScheduleOptions {
  /** Milliseconds of the monotonic clock: when the run began, and when all of it should be over. */
  readonly startMs: number;
  readonly endMs: number;
  /** Each must run so often, else the run is not complete. */
  readonly runsMin: number;
  readonly random: () => number;
}

export interface Turn {
  readonly name: string;
  /** So long the nemesis and the recovery from it may take, if all that is still due is to find its place. */
  readonly budgetMs: number;
}

/**
 * Whose turn it is: everyone once, in an order of its own each time round. What has not run often enough comes before a second
 * or third turn of another, and the time that is left is divided among what is due.
 */
export class Schedule {
  readonly #names: readonly string[];
  readonly #options: ScheduleOptions;
  readonly #untilMs: number;
  readonly #runs = new Map<string, number>();
  #round: string[] = [];

  constructor(names: readonly string[], options: ScheduleOptions) {
    this.#names = names;
    this.#options = options;
    const checkMs = Math.min(checkMsMax, (options.endMs - options.startMs) * checkShare);
    this.#untilMs = options.endMs - checkMs;
  }

  /** Null when the time is up. */
  next(nowMs: number): Turn | null {
    const leftMs = this.#untilMs - nowMs;
    if (this.#names.length === 0 || leftMs <= 0) return null;
    if (this.#round.length === 0) this.#round = this.#newRound();
    const name = this.#round.shift() as string;
    const dueTurns = this.#names.reduce((sum, one) => sum + this.#missing(one), 0);
    return { name, budgetMs: dueTurns === 0 ? leftMs : leftMs / dueTurns };
  }

  /** The turn did what it was for. Without this call it stays due. */
  ran(name: string): void {
    this.#runs.set(name, this.runsOf(name) + 1);
  }

  runsOf(name: string): number {
    return this.#runs.get(name) ?? 0;
  }

  /** Those that did not run often enough. */
  get due(): readonly string[] {
    return this.#names.filter((name) => this.#missing(name) > 0);
  }

  /** Only what is due, as long as anything is. */
  #newRound(): string[] {
    const { due } = this;
    return shuffled(due.length > 0 ? due : this.#names, this.#options.random);
  }

  #missing(name: string): number {
    return Math.max(0, this.#options.runsMin - this.runsOf(name));
  }
}
