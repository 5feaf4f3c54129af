import type { Clock, Counters, Log } from "#cluster";
import type { EventLoopDelay } from "../telemetry/event-loop-delay.ts";
import type { DashboardFiles } from "./dashboard-files.ts";
import type { LiveFeeds } from "./live/live-feeds.ts";
import type { NodePort } from "./ports.ts";
import type { Rates } from "./rates.ts";
import type { Scans } from "./scans.ts";
import type { ApiSettings } from "./settings.ts";
import type { StatsHistory } from "./stats-history.ts";

/** What the routes share. */
export interface ApiContext {
  readonly node: NodePort;
  readonly clock: Clock;
  readonly log: Log;
  readonly rates: Rates;
  readonly live: LiveFeeds;
  readonly dashboard: DashboardFiles;
  readonly eventLoopDelay: EventLoopDelay;
  readonly history: StatsHistory;
  readonly scans: Scans;
  readonly counters: Counters;
  readonly settings: ApiSettings;
}

/** Whole milliseconds by which a local read may be old; null when the node has never been in step. */
export function staleness(node: NodePort): number | null {
  const stalenessMs = node.stalenessMs();
  return Number.isFinite(stalenessMs) ? Math.round(stalenessMs) : null;
}

export function uptimeSeconds(context: ApiContext): number {
  return Math.max(0, Math.round((context.clock.wallMs() - context.node.startedAtMs) / 1000));
}
