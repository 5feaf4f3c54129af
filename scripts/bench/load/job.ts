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
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  /** Every topic is an attribute of a device of its own, and the payload JSON, so that each message is a device update in the log. */
  readonly isDeviceState: boolean;
  /** Of the protocol: 4 is MQTT 3.1.1. */
  readonly version: 4 | 5;
  /** Subscribers whose sessions outlive them, so that a message for them has to be stored. */
  readonly isDurable: boolean;
  /** Every message with a user property, a content type and an expiry; MQTT 5 only. */
  readonly hasProperties: boolean;
  readonly payloadSizeBytes: number;
  /** Topics that each publisher writes in turn. */
  readonly topicsPerPublisher: number;
  /** Unacknowledged messages per publisher at QoS 1 and 2. */
  readonly window: number;
  /** Messages of one publisher that may be on their way to subscribers. */
  readonly outstandingMax: number;
  /** Messages of each publisher in a second; 0: as fast as the window and the subscribers allow. */
  readonly rate: number;
  /**
   * At a rate: a ticker is exact, and latencies count from when a message was due; a timer wakes the generator half as often,
   * about every millisecond, and latencies count from when a message was written.
   */
  readonly pacing: "ticker" | "timer";
  /** Of the generator's process towards the system; 0 is usual, 19 gives way to everything. */
  readonly niceness: number;
  /** Filters of clients that never hear anything, some exact, some with wildcards. */
  readonly otherSubscriptions: number;
  /** A fifth of the publishers is heard by three more subscribers, by three filters that overlap. */
  readonly hasOverlaps: boolean;
  readonly host: string;
  /** Publishers connect to these in turn. */
  readonly publishPorts: readonly number[];
  readonly subscribePort: number;
  readonly warmupMs: number;
  readonly seconds: number;
  /** Processes of the broker. */
  readonly pids: readonly number[];
  /** Where they listen for each other; none for a broker of one process. */
  readonly peerPorts: readonly number[];
  /** Where the broker's nodes tell the delay of their event loops; none for brokers that do not. */
  readonly metricsPorts: readonly number[];
}

export interface Latency {
  readonly p50: number;
  readonly p99: number;
}

export interface LoadResult {
  /** Delivered, or acknowledged where nobody subscribes. */
  readonly messagesPerSecond: number;
  /** What that is when the rate is carried; null without one. */
  readonly offeredPerSecond: number | null;
  /** Of all processes of the broker together, per message. */
  readonly cpuMicrosPerMessage: number;
  /** Written to the disk by all processes of the broker, per message; null where the system does not tell. */
  readonly diskBytesPerMessage: number | null;
  /** Sent from node to node, per message; null for a broker of one process, and where the system does not tell. */
  readonly peerBytesPerMessage: number | null;
  /** CPU time of the generator per second; close to 1 means that it may be what limits the rate. */
  readonly generatorLoad: number;
  /** PUBLISH, or when it was due, to its last acknowledgement in milliseconds; null at QoS 0. */
  readonly acknowledgedMs: Latency | null;
  /** From when a message was due to its arrival at a subscriber, in milliseconds; null without a rate. */
  readonly deliveredMs: Latency | null;
  /** Samples of the event loop's delay while it was measured, all nodes together; null where nobody tells. */
  readonly loopDelay: DelayHistogram | null;
  readonly integrity: Integrity;
}

/** How many samples were at most so late, not cumulated; the last count is of those beyond the last bound. */
export interface DelayHistogram {
  readonly boundsSeconds: readonly number[];
  readonly counts: readonly number[];
}
