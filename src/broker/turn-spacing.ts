import type { Clock } from "#cluster";
import type { BrokerCounters } from "./counters.ts";

/** A client that has sent nothing for so long publishes now and then; one that publishes again sooner may be waiting for answers. */
const rareMs = 20;

/** What clients do is looked at again so often. */
const windowMs = 10;

/** For each that publishes again soon, so many others must publish now and then. */
const rarePerEager = 5;

/**
 * While many clients send a little now and then, each message comes in a turn of the event loop of its own, and most of its cost is the kernel's: the
 * process wakes up, reads one socket and writes two. Turns are then held apart, by no more than a message is expected to come in, so that
 * several share what a turn costs; one that has as much to do anyway is not held back.
 *
 * Clients that publish again as soon as they are answered would be slowed down, not saved anything: where there are more than a few of them,
 * or fewer of the others, turns follow each other as ever.
 */
export class TurnSpacing {
  readonly #clock: Clock;
  readonly #spacingMs: number;
  readonly #counters: BrokerCounters;
  #windowSinceMs: number;
  #rare = 0;
  #eager = 0;
  #isSpaced = false;

  /** `spacingMs`: from the begin of a turn to that of the next one; 0 for never. */
  constructor(clock: Clock, spacingMs: number, counters: BrokerCounters) {
    this.#clock = clock;
    this.#spacingMs = spacingMs;
    this.#counters = counters;
    this.#windowSinceMs = clock.monotonicMs();
  }

  /** A client has published; nothing had come from it for `quietMs`. */
  published(quietMs: number): void {
    if (quietMs < rareMs) this.#eager++;
    else this.#rare++;
  }

  /** What was to be read in the turn that began at `beganAtMs` is read. */
  turnEnded(beganAtMs: number): void {
    if (beganAtMs - this.#windowSinceMs >= windowMs) this.#judge(beganAtMs);
    if (!this.#isSpaced) return;
    this.#counters.turnsSpaced++;
    this.#clock.holdTurn?.(beganAtMs + this.#spacingMs);
  }

  #judge(nowMs: number): void {
    const expected = (this.#rare * this.#spacingMs) / (nowMs - this.#windowSinceMs);
    this.#isSpaced = expected >= 1 && this.#rare >= rarePerEager * this.#eager;
    this.#windowSinceMs = nowMs;
    this.#rare = 0;
    this.#eager = 0;
  }
}
