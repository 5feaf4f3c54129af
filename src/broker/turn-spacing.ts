import type { Clock } from "#cluster";
import type { BrokerCounters } from "./counters.ts";

/** A client that has sent nothing for so long publishes now and then. */
const rareMs = 20;

/** What clients do is looked at again so often. */
const windowMs = 10;

/** Of so many windows the first one is free, to compare with the next. */
const cycleWindows = 20;

/** Fewer packets by more than so many standard deviations of what comes by chance are a hint that somebody waits for answers. */
const chance = 2.5;

/** One may still come of the system having had something else to do; so many in a row are taken for true. */
const hintsMax = 3;

/** Then so many windows are free. */
const freeWindows = 200;

/**
 * While many clients send a little now and then, each message comes in a turn of the event loop of its own, and most of its cost is the kernel's: the
 * process wakes up, reads one socket and writes two. Turns are then held apart, by no more than a message is expected to come in, so that
 * several share what a turn costs; one that has as much to do anyway is not held back.
 *
 * Who sends again when it is answered would be slowed down by that, and nothing saved. So it is tried: where clearly fewer packets come while turns are
 * held apart than came just before, they follow each other freely for two seconds.
 */
export class TurnSpacing {
  readonly #clock: Clock;
  readonly #spacingMs: number;
  readonly #counters: BrokerCounters;
  #windowSinceMs: number;
  /** Received when the window began. */
  #packetsBefore = 0;
  /** Publishes in this window by clients that publish now and then. */
  #rare = 0;
  #isSpaced = false;
  /** Windows that are over since turns are held apart, in this cycle. */
  #heldWindows = 0;
  #hints = 0;
  #freeWindowsLeft = 0;
  /** Packets of a millisecond, in the last free window. */
  #freeRate = 0;

  /** `spacingMs`: from the begin of a turn to that of the next one; 0 for never. */
  constructor(clock: Clock, spacingMs: number, counters: BrokerCounters) {
    this.#clock = clock;
    this.#spacingMs = spacingMs;
    this.#counters = counters;
    this.#windowSinceMs = clock.monotonicMs();
  }

  /** A client has published; nothing had come from it for `quietMs`. */
  published(quietMs: number): void {
    if (quietMs >= rareMs) this.#rare++;
  }

  /** What was to be read in the turn that began at `beganAtMs` is read. */
  turnEnded(beganAtMs: number): void {
    const lastedMs = beganAtMs - this.#windowSinceMs;
    if (lastedMs >= windowMs) {
      this.#judge(lastedMs);
      this.#windowSinceMs = beganAtMs;
      this.#packetsBefore = this.#counters.packetsReceived;
      this.#rare = 0;
    }
    if (!this.#isSpaced) return;
    this.#counters.turnsSpaced++;
    this.#clock.holdTurn?.(beganAtMs + this.#spacingMs);
  }

  #judge(lastedMs: number): void {
    const packets = this.#counters.packetsReceived - this.#packetsBefore;
    if (this.#freeWindowsLeft > 0) this.#freeWindowsLeft--;
    const isWorthwhile = this.#rare * this.#spacingMs >= lastedMs;
    if (!isWorthwhile || this.#freeWindowsLeft > 0) {
      this.#isSpaced = false;
    } else if (!this.#isSpaced) {
      this.#freeRate = packets / lastedMs;
      this.#isSpaced = true;
      this.#heldWindows = 0;
    } else if (++this.#heldWindows === 1) {
      this.#compare(packets, lastedMs);
    } else if (this.#heldWindows === cycleWindows - 1) {
      this.#isSpaced = false;
    }
  }

  /** The first held window of a cycle with the free one before it. */
  #compare(packets: number, lastedMs: number): void {
    const expected = this.#freeRate * lastedMs;
    if (expected - packets <= chance * Math.sqrt(expected + packets)) {
      this.#hints = 0;
      return;
    }
    this.#isSpaced = false;
    if (++this.#hints < hintsMax) return;
    this.#hints = 0;
    this.#freeWindowsLeft = freeWindows;
  }
}
