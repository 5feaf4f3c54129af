import type { Integrity } from "./stream-checker.ts";

/** One measurement, as the generator process gets it. */
export interface LoadJob {
  /** In every payload, so that nothing of an earlier run counts. Also part of topics and client identifiers. */
  readonly run: number;
  readonly publishers: number;
  /** 0: only acknowledgements are counted. */
  readonly subscribers: number;
  /** pairs: the Nth subscriber hears the Nth publisher; all: every subscriber hears every publisher. */
  readonly layout: "pairs" | "all";
  readonly qos: 0 | 1;
  readonly retain: boolean;
  readonly payloadSizeBytes: number;
  /** Topics that each publisher writes in turn. */
  readonly topicsPerPublisher: number;
  /** Unacknowledged messages per publisher at QoS 1. */
  readonly window: number;
  /** Messages of one publisher that may be on their way to subscribers. */
  readonly outstandingMax: number;
  readonly publishPort: number;
  readonly subscribePort: number;
  readonly warmupMs: number;
  readonly seconds: number;
  /** Processes of the broker. */
  readonly pids: readonly number[];
}

export interface LoadResult {
  /** Delivered, or acknowledged where nobody subscribes. */
  readonly messagesPerSecond: number;
  /** Of all processes of the broker together, per message. */
  readonly cpuMicrosPerMessage: number;
  /** CPU time of the generator per second; close to 1 means that it may be what limits the rate. */
  readonly generatorLoad: number;
  /** PUBLISH to PUBACK in milliseconds; null at QoS 0. */
  readonly acknowledgedMs: { readonly p50: number; readonly p99: number } | null;
  readonly integrity: Integrity;
}
