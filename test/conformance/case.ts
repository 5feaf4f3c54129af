import type { Bench } from "./bench.ts";

/** One test of the suite. It runs once for each version of which it proves something. */
export interface ConformanceCase {
  /** What holds when it passes. */
  readonly name: string;
  /** Numbers of MQTT 3.1.1 without "MQTT-". */
  readonly v3?: readonly string[];
  /** Numbers of MQTT 5.0 without "MQTT-". */
  readonly v5?: readonly string[];
  /** True: it takes seconds because its statement is about time; left out of the slice in `npm test`. */
  readonly isSlow?: true;
  /** Throws when the server does otherwise. */
  readonly run: (bench: Bench) => Promise<void>;
}

export interface Chapter {
  readonly title: string;
  readonly cases: readonly ConformanceCase[];
}
