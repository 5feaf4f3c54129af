import type { Clock } from "../../cluster/ports.ts";
import type { SendResult } from "../../cluster/transport/transport.ts";
import type { Seeded } from "./seeded.ts";

export interface RaftWeatherRates {
  /** Share of messages that arrive a second time, later. */
  readonly duplicateRate: number;
  /** Share of messages that others overtake. */
  readonly lateRate: number;
  /** At most this late. */
  readonly lateMs: number;
}

const calmRates: RaftWeatherRates = { duplicateRate: 0, lateRate: 0, lateMs: 0 };

/**
 * What may happen to messages of Raft, and of no other channel: Raft needs no order, and a frame may outlive the link that it
 * was sent on. A late one travels on the link that there is by then.
 */
export class RaftWeather {
  readonly #clock: Pick<Clock, "after">;
  readonly #random: Seeded;
  #rates = calmRates;

  constructor(clock: Pick<Clock, "after">, random: Seeded) {
    this.#clock = clock;
    this.#random = random;
  }

  get isCalm(): boolean {
    return this.#rates === calmRates;
  }

  set(rates: RaftWeatherRates): void {
    this.#rates = rates;
  }

  calm(): void {
    this.#rates = calmRates;
  }

  send(frame: Uint8Array, deliver: (frame: Uint8Array) => SendResult): SendResult {
    const { duplicateRate, lateRate, lateMs } = this.#rates;
    const late = (): void => {
      const copy = new Uint8Array(frame);
      this.#clock.after(this.#random.between(0, lateMs), () => deliver(copy));
    };
    if (this.#random.chance(lateRate)) {
      late();
      return "queued";
    }
    if (this.#random.chance(duplicateRate)) late();
    return deliver(frame);
  }
}
