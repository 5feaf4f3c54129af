import type { LoadJob } from "./load/job.ts";

type Shape = Pick<LoadJob, "publishers" | "subscribers" | "layout" | "outstandingMax">;

export interface Workload {
  readonly name: string;
  readonly title: string;
  /** Part of the check that the benchmark works. */
  readonly isQuick: boolean;
  readonly job: Shape &
    Pick<LoadJob, "qos" | "retain" | "payloadSizeBytes" | "topicsPerPublisher" | "window">;
}

const window = 20;
const payloadSizeBytes = 64;
const quick: readonly string[] = ["pairs-qos0", "pairs-qos1", "fan-in-qos1", "fan-out-qos0"];

/**
 * What is on its way is bounded, so that no broker is judged by how it drops: enough to keep it busy, far below the queue
 * limits of each.
 */
const shapes: Readonly<Record<string, Shape & { readonly title: string }>> = {
  "one-to-one": {
    title: "1 -> 1",
    publishers: 1,
    subscribers: 1,
    layout: "pairs",
    outstandingMax: 1000,
  },
  pairs: {
    title: "50 -> 50 pairs",
    publishers: 50,
    subscribers: 50,
    layout: "pairs",
    outstandingMax: 100,
  },
  "fan-in": {
    title: "100 -> 1 wildcard",
    publishers: 100,
    subscribers: 1,
    layout: "all",
    outstandingMax: 50,
  },
  "fan-out": {
    title: "1 -> 100",
    publishers: 1,
    subscribers: 100,
    layout: "all",
    outstandingMax: 200,
  },
};

export const workloads: readonly Workload[] = [
  ...Object.entries(shapes).flatMap(([name, { title, ...shape }]) =>
    ([0, 1] as const).map((qos) => ({
      name: `${name}-qos${qos}`,
      title: `${title}, QoS ${qos}`,
      isQuick: quick.includes(`${name}-qos${qos}`),
      job: { ...shape, qos, retain: false, payloadSizeBytes, topicsPerPublisher: 1, window },
    })),
  ),
  {
    name: "retained-qos1",
    title: "50 writers, retained, QoS 1",
    isQuick: true,
    job: {
      publishers: 50,
      subscribers: 0,
      layout: "pairs",
      outstandingMax: 0,
      qos: 1,
      retain: true,
      payloadSizeBytes,
      topicsPerPublisher: 100,
      window,
    },
  },
];
