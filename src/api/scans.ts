import type { Clock, Counters } from "#cluster";
import { scansMax } from "./limits.ts";
import { ApiError } from "./problem.ts";

/** Entries that are looked at before the clock is. */
const entriesPerLook = 256;
/** A walk lets others go on after this long. */
const turnMs = 4;

/** Walks over everything there is, which may be millions, without keeping the event loop from anything else. */
export class Scans {
  readonly #clock: Clock;
  readonly #counters: Counters;
  #running = 0;

  constructor(clock: Clock, counters: Counters) {
    this.#clock = clock;
    this.#counters = counters;
  }

  /** `entries` may change meanwhile, as a Map may while it is walked. */
  async run<T>(entries: Iterable<T>, visit: (entry: T) => void): Promise<void> {
    if (this.#running >= scansMax) {
      this.#counters.add("scansRefused");
      throw new ApiError(503, "overloaded", "too many lists are being made; try again later");
    }
    this.#running++;
    try {
      await this.#walk(entries, visit);
    } finally {
      this.#running--;
    }
  }

  async #walk<T>(entries: Iterable<T>, visit: (entry: T) => void): Promise<void> {
    let startedAtMs = this.#clock.monotonicMs();
    let untilLook = entriesPerLook;
    for (const entry of entries) {
      visit(entry);
      if (--untilLook > 0) continue;
      untilLook = entriesPerLook;
      if (this.#clock.monotonicMs() - startedAtMs < turnMs) continue;
      await new Promise((resolve) => setImmediate(resolve));
      startedAtMs = this.#clock.monotonicMs();
    }
  }
}
