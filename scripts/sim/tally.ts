import type { ScheduleResult } from "../../test/sim/schedule.ts";
import type { Replayed } from "./report.ts";

/** What a worker says of one seed. */
export interface Report {
  readonly result: ScheduleResult;
  /** Of the second run; null when there was none. */
  readonly again: { readonly traceHash: string; readonly simulatedMs: number } | null;
  /** Processor time of all threads, for one run or for both. */
  readonly cpuMs: number;
}

export interface Failure extends Replayed {
  readonly message: string;
}

const summed = [
  "events",
  "commits",
  "leaders",
  "acknowledged",
  "reads",
  "snapshots",
  "compactions",
] as const satisfies readonly (keyof ScheduleResult)[];

/** Adds up what schedules report. */
export class Tally {
  readonly #failures: Failure[] = [];
  readonly #speeds: number[] = [];
  readonly #sums = new Map<string, number>();
  #schedules = 0;
  #comparedTwice = 0;
  #simulatedMs = 0;
  #cpuMs = 0;

  /** The failure, or null when every promise was kept. */
  add({ result, again, cpuMs }: Report): Failure | null {
    const { seed, faults, violation, traceHash } = result;
    const simulatedMs = result.simulatedMs + (again?.simulatedMs ?? 0);
    this.#schedules++;
    this.#simulatedMs += simulatedMs;
    this.#cpuMs += cpuMs;
    this.#speeds.push(simulatedMs / cpuMs);
    this.#sum("faults", faults.length);
    for (const name of summed) this.#sum(name, result[name]);
    if (violation !== null) return this.#failed({ seed, faults, message: violation.message });
    if (again === null) return null;
    this.#comparedTwice++;
    if (again.traceHash === traceHash) return null;
    const message = `determinism: trace ${traceHash}, the second time ${again.traceHash}`;
    return this.#failed({ seed, faults, message });
  }

  /** A seed whose worker ended, or did not come to an end. */
  lost(seed: number, reason: string): Failure {
    this.#schedules++;
    return this.#failed({ seed, faults: null, message: reason });
  }

  outcome() {
    const speeds = this.#speeds.toSorted((a, b) => a - b);
    return {
      schedules: this.#schedules,
      comparedTwice: this.#comparedTwice,
      ...Object.fromEntries(this.#sums),
      simulatedHours: Math.round(this.#simulatedMs / 36_000) / 100,
      cpuSeconds: Math.round(this.#cpuMs / 1000),
      timesRealTime: Math.round(this.#cpuMs === 0 ? 0 : this.#simulatedMs / this.#cpuMs),
      timesRealTimeMedian: Math.round(speeds[speeds.length >> 1] ?? 0),
      timesRealTimeMin: Math.round(speeds[0] ?? 0),
      failures: this.#failures,
    };
  }

  #failed(failure: Failure): Failure {
    this.#failures.push(failure);
    return failure;
  }

  #sum(name: string, amount: number): void {
    this.#sums.set(name, (this.#sums.get(name) ?? 0) + amount);
  }
}
