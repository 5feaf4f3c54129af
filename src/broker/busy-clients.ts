import type { Clock } from "#cluster";
import type { BrokerCounters } from "./counters.ts";
import type { BrokerLimits } from "./limits.ts";
import type { RestingReader } from "./reading-turns.ts";

/** Others count as there for so long after one of them has published. */
const othersMs = 100;

/** What a client with more to send than is read in a turn has had of the time. */
export class BusyClient {
  /** When its share began. */
  sinceMs = 0;
  tookMs = 0;
  /** When it last had more to send than is read in a turn. */
  fullAtMs = 0;

  isBusy(nowMs: number): boolean {
    return nowMs - this.fullAtMs < othersMs;
  }
}

/**
 * Bounds what one client at full speed may take of the time while others publish, too. A node that is never idle keeps a processor busy, and the
 * client another one; who else has something to send or to receive then waits for one of them, however short a turn of the event loop is.
 *
 * Clients among themselves, all of them at full speed, are not held back: their turns are long, and everybody has the same part of them.
 */
export class BusyClients {
  readonly #clock: Clock;
  readonly #shareMs: number;
  readonly #restMs: number;
  readonly #counters: BrokerCounters;
  #othersAtMs = Number.NEGATIVE_INFINITY;
  #resting: RestingReader[] = [];

  constructor(clock: Clock, limits: BusyLimits, counters: BrokerCounters) {
    this.#clock = clock;
    this.#shareMs = limits.busyClientShareMs;
    this.#restMs = limits.busyClientRestMs;
    this.#counters = counters;
  }

  /** A client that is not busy has published. */
  othersPublished(nowMs: number): void {
    this.#othersAtMs = nowMs;
  }

  /** `client` had more to send than is read in a turn, and reading that took from `beganAtMs` to `nowMs`. True: it has to rest. */
  hasHadItsShare(client: BusyClient, beganAtMs: number, nowMs: number): boolean {
    client.fullAtMs = nowMs;
    if (nowMs - client.sinceMs >= this.#restMs) {
      client.sinceMs = beganAtMs;
      client.tookMs = 0;
    }
    client.tookMs += nowMs - beganAtMs;
    return (
      this.#restMs > 0 && client.tookMs >= this.#shareMs && nowMs - this.#othersAtMs < othersMs
    );
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

export type BusyLimits = Pick<BrokerLimits, "busyClientShareMs" | "busyClientRestMs">;
