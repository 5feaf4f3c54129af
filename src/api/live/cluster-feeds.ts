import type { Clock, ClusterStatus } from "#cluster";
import type { NodePort } from "../ports.ts";
import { problemOf } from "../problem.ts";
import { clusterEvents } from "./cluster-events.ts";
import type { LiveLimits } from "./limits.ts";
import { LivePacket } from "./packet.ts";
import { PolledFeed } from "./polled-feed.ts";
import { RecentFeed } from "./recent-feed.ts";

/** The state of the cluster, and what changed in it, as long as somebody wants to know. */
export class ClusterFeeds {
  readonly status: PolledFeed;
  readonly events: RecentFeed;
  readonly #node: NodePort;
  readonly #clock: Clock;
  #before: { readonly status: ClusterStatus; readonly timeMs: number } | null = null;
  readonly #limits: LiveLimits;

  constructor(node: NodePort, clock: Clock, limits: LiveLimits) {
    this.#node = node;
    this.#clock = clock;
    this.#limits = limits;
    this.status = new PolledFeed({
      clock,
      intervalMs: limits.clusterIntervalMs,
      ask: () => this.#ask(),
    });
    this.events = new RecentFeed({
      keptMax: limits.eventsKeptMax,
      keptSizeBytesMax: Number.POSITIVE_INFINITY,
    });
  }

  async #ask(): Promise<LivePacket> {
    try {
      const status = await this.#node.clusterStatus();
      this.#compare(status);
      return LivePacket.of({ type: "cluster", status });
    } catch (error) {
      const { code, detail } = problemOf(error);
      return LivePacket.of({ type: "error", code, detail });
    }
  }

  #compare(status: ClusterStatus): void {
    const timeMs = this.#clock.wallMs();
    const before = this.#before;
    this.#before = { status, timeMs };
    // Nobody looked for a while: what happened then is no news.
    if (before === null || timeMs - before.timeMs > 30 * this.#limits.clusterIntervalMs) return;
    for (const event of clusterEvents(before.status, status)) {
      const packet = LivePacket.of({ type: "cluster-event", timeMs, ...event });
      this.events.add({ packet, sizeBytes: packet.sizeBytes });
    }
  }
}
