import type { Cancel, Clock } from "#cluster";
import { historyPointsMax, historyStepMs } from "./limits.ts";
import type { NodePort } from "./ports.ts";

/** Growth within the step, and how much there was at its end. */
export interface StatsPoint {
  /** End of the step: a multiple of the step, so that the points of several nodes can be added. */
  readonly timeMs: number;
  readonly messagesIn: number;
  readonly messagesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly forwardsIn: number;
  readonly forwardsOut: number;
  readonly dropped: number;
  readonly connections: number;
  readonly subscriptions: number;
  /** The same on every node: not added up. */
  readonly sessions: number;
  readonly retained: number;
  readonly devices: number;
}

const grown = {
  messagesIn: "publishReceived",
  messagesOut: "publishSent",
  bytesIn: "bytesReceived",
  bytesOut: "bytesSent",
  forwardsIn: "forwardReceived",
  forwardsOut: "forwardSent",
} as const;

type Growth = Record<keyof typeof grown | "dropped", number>;

/** The last hour of this node, in memory. */
export class StatsHistory {
  readonly #node: NodePort;
  readonly #clock: Clock;
  readonly #points: StatsPoint[] = [];
  #sums: Growth;
  #cancel: Cancel | null = null;

  constructor(node: NodePort, clock: Clock) {
    this.#node = node;
    this.#clock = clock;
    this.#sums = this.#read();
    this.#arm();
  }

  /** Oldest first. */
  points(): readonly StatsPoint[] {
    return this.#points;
  }

  stop(): void {
    this.#cancel?.();
  }

  #arm(): void {
    const waitMs = historyStepMs - (this.#clock.wallMs() % historyStepMs);
    this.#cancel = this.#clock.after(waitMs, () => {
      this.#take();
      this.#arm();
    });
  }

  #take(): void {
    const sums = this.#read();
    const before = this.#sums;
    this.#sums = sums;
    const growth = Object.fromEntries(
      Object.entries(sums).map(([name, sum]) => [name, sum - before[name as keyof Growth]]),
    ) as Growth;
    const { connections, subscriptions, sessions, retained, devices } = this.#node.figures();
    const timeMs = Math.round(this.#clock.wallMs() / historyStepMs) * historyStepMs;
    this.#points.push({
      ...{ timeMs, ...growth },
      ...{ connections, subscriptions, sessions, retained, devices },
    });
    if (this.#points.length > historyPointsMax) this.#points.shift();
  }

  #read(): Growth {
    const { counters } = this.#node.figures();
    const sums = Object.entries(grown).map(([name, counter]) => [name, counters.get(counter) ?? 0]);
    let dropped = 0;
    for (const [name, value] of counters) if (/dropped/i.test(name)) dropped += value;
    return { ...Object.fromEntries(sums), dropped } as Growth;
  }
}

/** Points of the same time added up; what is the same on every node is the largest of them. */
export function sumPoints(nodes: readonly (readonly StatsPoint[])[]): readonly StatsPoint[] {
  const sums = new Map<number, StatsPoint>();
  for (const point of nodes.flat()) {
    const known = sums.get(point.timeMs);
    sums.set(point.timeMs, known === undefined ? point : addPoints(known, point));
  }
  return [...sums.values()].sort((a, b) => a.timeMs - b.timeMs);
}

const shared: ReadonlySet<string> = new Set(["timeMs", "sessions", "retained", "devices"]);

function addPoints(a: StatsPoint, b: StatsPoint): StatsPoint {
  const added = Object.entries(a).map(([name, value]) => {
    const other = b[name as keyof StatsPoint] ?? 0;
    return [name, shared.has(name) ? Math.max(value, other) : value + other];
  });
  return Object.fromEntries(added) as StatsPoint;
}
