import type { Clock } from "#cluster";
import type { BrokerCounters } from "./counters.ts";
import type { BrokerLimits } from "./limits.ts";
import type { RestingReader } from "./reading-turns.ts";

/** Others count as there for so long after one of them has published. */
const othersMs = 100;

/** One who publishes, by its identity. */
type Publisher = object;

/** What a client has had of the time that once had more to send than is read in a turn. */
export class BusyClient {
  /** When the turn began for it in which it was read last. */
  turnBeganAtMs = 0;
  shareSinceMs = Number.NEGATIVE_INFINITY;
  tookMs = 0;
  fullAtMs = Number.NEGATIVE_INFINITY;
}

/**
 * Bounds what one client at full speed may take of the time while others publish, too. A node that is never idle keeps a processor busy, and the
 * client another one; who else has something to send or to receive then waits for one of them, however short a turn of the event loop is.
 *
 * Clients at full speed do not hold each other back: their turns are long, and everybody has the same part of them.
 */
export class BusyClients {
  readonly #clock: Clock;
  readonly #shareMs: number;
  readonly #restMs: number;
  readonly #counters: BrokerCounters;
  /** The latest publisher that is not busy, when it published last, and when another one did before it. */
  #latest: Publisher | null = null;
  #latestAtMs = Number.NEGATIVE_INFINITY;
  #otherAtMs = Number.NEGATIVE_INFINITY;
  #resting: RestingReader[] = [];

  constructor(
    clock: Clock,
    limits: Pick<BrokerLimits, "busyClientShareMs" | "busyClientRestMs">,
    counters: BrokerCounters,
  ) {
    this.#clock = clock;
    this.#shareMs = limits.busyClientShareMs;
    this.#restMs = limits.busyClientRestMs;
    this.#counters = counters;
  }

  /** `publisher` has published little; `busy` is null for one who never had more to send than is read in a turn. */
  publishedLittle(publisher: Publisher, busy: BusyClient | null, nowMs: number): void {
    if (busy !== null && nowMs - busy.fullAtMs < othersMs + this.#restMs) return;
    if (publisher !== this.#latest) {
      this.#otherAtMs = this.#latestAtMs;
      this.#latest = publisher;
    }
    this.#latestAtMs = nowMs;
  }

  /** `publisher` had more to send than is read in a turn, and was read in it from `beganAtMs` to `nowMs`. True: it has had its share, and rests. */
  took(publisher: Publisher, busy: BusyClient, beganAtMs: number, nowMs: number): boolean {
    busy.fullAtMs = nowMs;
    if (nowMs - busy.shareSinceMs >= this.#restMs) {
      busy.shareSinceMs = beganAtMs;
      busy.tookMs = 0;
    }
    busy.tookMs += nowMs - beganAtMs;
    if (this.#restMs === 0 || busy.tookMs < this.#shareMs) return false;
    const othersAtMs = publisher === this.#latest ? this.#otherAtMs : this.#latestAtMs;
    if (nowMs - othersAtMs >= othersMs) return false;
    busy.shareSinceMs = Number.NEGATIVE_INFINITY;
    return true;
  }

  /** `reader` is told when its rest is over; if others rest already, with them. */
  rest(reader: RestingReader): void {
    this.#counters.busyClientsRested++;
    this.#resting.push(reader);
    if (this.#resting.length === 1) this.#clock.after(this.#restMs, () => this.#readOn());
  }

  #readOn(): void {
    const rested = this.#resting;
    this.#resting = [];
    for (const reader of rested) reader.readOn();
  }
}
