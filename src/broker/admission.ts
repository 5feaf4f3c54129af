import type { Clock } from "#cluster";
import type { BrokerCounters } from "./counters.ts";
import type { BrokerLimits } from "./limits.ts";

/** Decides whether one more connection may come in: how many there are, how many are silent, how fast they come. */
export class Admission {
  readonly #limits: BrokerLimits;
  readonly #counters: BrokerCounters;
  readonly #clock: Clock;
  #open = 0;
  #pending = 0;
  #upgrading = 0;
  /** Token bucket of one second's worth. */
  #tokens: number;
  #refilledAtMs: number;

  constructor(limits: BrokerLimits, counters: BrokerCounters, clock: Clock) {
    this.#limits = limits;
    this.#counters = counters;
    this.#clock = clock;
    this.#tokens = limits.connectionsPerSecondMax;
    this.#refilledAtMs = clock.monotonicMs();
  }

  get openCount(): number {
    return this.#open;
  }

  /** True: counted in as pending; the caller owes `connectArrived` (perhaps) and `closed`. */
  tryOpen(): boolean {
    this.#refill();
    const isFull =
      this.#open >= this.#limits.connectionsMax ||
      this.#pending >= this.#limits.pendingConnectionsMax;
    if (isFull || this.#tokens < 1) {
      this.#counters.connectionsRefused++;
      if (!isFull) this.#counters.connectionsRateRefused++;
      return false;
    }
    this.#tokens--;
    this.#open++;
    this.#pending++;
    this.#counters.connectionsAccepted++;
    return true;
  }

  /** True: counted in; the caller owes `upgradeEnded`. */
  tryUpgrade(): boolean {
    if (this.#upgrading >= this.#limits.pendingUpgradesMax) {
      this.#counters.upgradesRefused++;
      return false;
    }
    this.#upgrading++;
    return true;
  }

  upgradeEnded(): void {
    this.#upgrading--;
  }

  connectArrived(): void {
    this.#pending--;
  }

  closed(wasPending: boolean): void {
    this.#open--;
    if (wasPending) this.#pending--;
  }

  #refill(): void {
    const nowMs = this.#clock.monotonicMs();
    const rate = this.#limits.connectionsPerSecondMax;
    this.#tokens = Math.min(rate, this.#tokens + ((nowMs - this.#refilledAtMs) / 1000) * rate);
    this.#refilledAtMs = nowMs;
  }
}
