import type { LoadJob } from "./load/job.ts";

/** What a workload says about the load; the rest is the run's. */
type Shape = Omit<
  LoadJob,
  | "run"
  | "host"
  | "publishPorts"
  | "subscribePort"
  | "warmupMs"
  | "seconds"
  | "pids"
  | "metricsPorts"
  | "peerPorts"
>;

export interface Workload {
  readonly name: string;
  /** Its number in the table of aims; null for one beside it. */
  readonly number: string | null;
  readonly title: string;
  /** What is compared: messages per second, or CPU time per message where the rate is given. */
  readonly compared: "rate" | "cpu";
  /** The ratio to mosquitto that FlockMQ should reach, at least (a rate) or at most (CPU time). */
  readonly aim: number | null;
  /** Of the latency of deliveries, where messages come at a rate. */
  readonly p99AimMs: number | null;
  /** Before it is measured, at least; more than the run's own warm-up where many clients have just connected. */
  readonly warmupMsMin: number;
  /** Publishers connect to all nodes and not to the first alone. */
  readonly isSpread: boolean;
  readonly job: Shape;
}

const usual = { compared: "rate", p99AimMs: null, warmupMsMin: 0, isSpread: false } as const;

/** One publisher to one subscriber, as fast as it goes. */
export const plainLoad: Shape = {
  publishers: 1,
  subscribers: 1,
  layout: "pairs",
  qos: 0,
  retain: false,
  isDeviceState: false,
  version: 4,
  isDurable: false,
  hasProperties: false,
  payloadSizeBytes: 64,
  topicsPerPublisher: 1,
  window: 20,
  outstandingMax: 1000,
  rate: 0,
  pacing: "ticker",
  niceness: 0,
  otherSubscriptions: 0,
  hasOverlaps: false,
};

/**
 * What is on its way is bounded, so that no broker is judged by how it drops: enough to keep it busy, far below the queue
 * limits of each.
 */
const fanOut: Shape = { ...plainLoad, subscribers: 100, layout: "all", outstandingMax: 500 };
const pairs: Shape = { ...plainLoad, publishers: 50, subscribers: 50, outstandingMax: 200 };
const fanIn: Shape = { ...plainLoad, publishers: 100, layout: "all", outstandingMax: 100 };
/** All together fewer than may wait for one subscriber. */
const devicesOutstandingMax = 5;
const devices: Shape = {
  ...{ ...plainLoad, publishers: 1000, layout: "all", qos: 1, rate: 10 },
  outstandingMax: devicesOutstandingMax,
};
const large: Shape = { ...fanOut, subscribers: 50, payloadSizeBytes: 16_384, outstandingMax: 20 };
const stored: Shape = { ...pairs, qos: 1, isDurable: true };
const retained: Shape = {
  ...plainLoad,
  subscribers: 0,
  qos: 1,
  retain: true,
  topicsPerPublisher: 100,
};
/** What 10,000 devices send by way of gateways; enough under way to fill the time that updates wait to be joined. */
const deviceState: Shape = {
  ...{ ...plainLoad, publishers: 50, subscribers: 0, qos: 1, isDeviceState: true },
  ...{ topicsPerPublisher: 200, window: 500 },
};

export const workloads: readonly Workload[] = [
  numbered("W1", "fan-out-qos0", "1 -> 100, QoS 0", 35, fanOut),
  numbered("W2", "pairs-qos0", "50 -> 50 pairs, QoS 0", 8, pairs),
  numbered("W3", "pairs-qos1", "50 -> 50 pairs, QoS 1, window 20", 10, { ...pairs, qos: 1 }),
  numbered("W4", "fan-in-qos0", "100 -> 1 wildcard, QoS 0", 10, fanIn),
  {
    ...numbered("W5", "devices-qos1", "1,000 devices x 10/s -> 1, QoS 1", 1, devices),
    compared: "cpu",
    p99AimMs: 1,
    warmupMsMin: 3000,
  },
  numbered("W6", "pairs-qos2", "50 -> 50 pairs, QoS 2", 9, { ...pairs, qos: 2 }),
  numbered("W9", "large-qos0", "1 -> 50, QoS 0, 16 KiB", 1.6, large),
];

/** Beside the table of aims; measured when they are named, or with `--all`. */
export const furtherWorkloads: readonly Workload[] = [
  further("one-to-one-qos0", "1 -> 1, QoS 0", plainLoad),
  further("one-to-one-qos1", "1 -> 1, QoS 1", { ...plainLoad, qos: 1 }),
  further("fan-out-qos1", "1 -> 100, QoS 1", { ...fanOut, qos: 1 }),
  further("fan-in-qos1", "100 -> 1 wildcard, QoS 1", { ...fanIn, qos: 1 }),
  further("stored-qos1", "50 -> 50 pairs, QoS 1, stored sessions", stored),
  further("retained-qos1", "50 writers, retained, QoS 1", { ...retained, publishers: 50 }),
  {
    ...further("states-qos1", "10,000 devices behind 50 gateways, state, QoS 1", deviceState),
    isSpread: true,
  },
];

/** Those that `only`, a list of numbers and parts of names, asks for; without it the table of aims, or all. */
export function chooseWorkloads(only: string | undefined, isAll: boolean): readonly Workload[] {
  const all = [...workloads, ...furtherWorkloads];
  if (only === undefined) return isAll ? all : workloads;
  const wanted = only.split(",").map((word) => word.trim());
  const chosen = (workload: Workload): boolean =>
    wanted.some((word) => workload.number === word.toUpperCase() || workload.name.includes(word));
  const unknown = wanted.filter(
    (word) => !all.some(({ number, name }) => number === word.toUpperCase() || name.includes(word)),
  );
  if (unknown.length > 0) throw new RangeError(`no workload is named ${unknown.join(", ")}`);
  return all.filter(chosen);
}

/** The same with `window` messages of each publisher under way, and a title that says so; null: each as it is. */
export function withWindow(
  workloads: readonly Workload[],
  window: number | null,
): readonly Workload[] {
  if (window === null) return workloads;
  return workloads.map((workload) => ({
    ...workload,
    title: `${workload.title.replace(/, window \d+$/, "")}, window ${window}`,
    job: { ...workload.job, window },
  }));
}

/**
 * The same with `rate` messages a second of all publishers together, and a title that says so; null: each as it is. What was an
 * aim of messages per second is none then, and CPU time is compared.
 */
export function withRate(workloads: readonly Workload[], rate: number | null): readonly Workload[] {
  if (rate === null) return workloads;
  return workloads.map((workload) => ({
    ...workload,
    ...{ compared: "cpu", aim: null, p99AimMs: null },
    title: `${workload.title.replace(/ x \d+\/s/, "")}, ${rate.toLocaleString("en-US")}/s`,
    job: { ...workload.job, rate: rate / workload.job.publishers },
  }));
}

export function isMet({ aim, compared }: Workload, ratio: number): boolean | null {
  if (aim === null || Number.isNaN(ratio)) return null;
  return compared === "rate" ? ratio >= aim : ratio <= aim;
}

function numbered(number: string, name: string, title: string, aim: number, job: Shape): Workload {
  return { ...usual, number, name, title: `${number}: ${title}`, aim, job };
}

function further(name: string, title: string, job: Shape): Workload {
  return { ...usual, number: null, name, title, aim: null, job };
}
