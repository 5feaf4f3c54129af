import type { LoadJob } from "./job.ts";

type Plan = Pick<
  LoadJob,
  | "run"
  | "publishers"
  | "subscribers"
  | "layout"
  | "isDeviceState"
  | "topicsPerPublisher"
  | "hasOverlaps"
>;

/** One subscriber: its filters and the publishers that it must hear everything of. */
export interface Hearing {
  readonly filters: readonly string[];
  readonly publishers: readonly number[];
}

const overlappedShare = 0.2;

export function topicOf(plan: Plan, publisher: number, topic: number): string {
  if (plan.isDeviceState) return `sensors/bench-${plan.run}-${publisher}-${topic}/reading`;
  const group = isOverlapped(plan, publisher) ? "hot/" : "";
  return `bench/${plan.run}/${group}${publisher}/${topic}`;
}

export function hearingsOf(plan: Plan): readonly Hearing[] {
  const everyone = Array.from({ length: plan.publishers }, (_, at) => at);
  const hearings = Array.from({ length: plan.subscribers }, (_, at): Hearing => {
    if (plan.layout === "all" && plan.publishers > 1) {
      return { filters: [`bench/${plan.run}/#`], publishers: everyone };
    }
    const publisher = plan.layout === "all" ? 0 : at;
    const filters = Array.from({ length: plan.topicsPerPublisher }, (_, topic) =>
      topicOf(plan, publisher, topic),
    );
    return { filters, publishers: [publisher] };
  });
  if (!plan.hasOverlaps) return hearings;
  const publishers = everyone.filter((publisher) => isOverlapped(plan, publisher));
  const { run } = plan;
  const overlapping = [`bench/${run}/hot/#`, `bench/${run}/+/+/+`, `+/${run}/hot/+/0`];
  return [...hearings, ...overlapping.map((filter) => ({ filters: [filter], publishers }))];
}

/** How many subscribers hear each publisher. */
export function hearersOf(plan: Plan, hearings: readonly Hearing[]): Float64Array {
  const hearers = new Float64Array(plan.publishers);
  for (const { publishers } of hearings) for (const publisher of publishers) hearers[publisher]!++;
  return hearers;
}

/** Of clients that never hear anything, beside the topics that are written and under wildcards that have to be looked at. */
export function otherFilter(run: number, at: number): string {
  return at % 2 === 0 ? `bench/${run}/other-${at}/state` : `bench/+/other-${at}/+`;
}

function isOverlapped({ hasOverlaps, publishers }: Plan, publisher: number): boolean {
  return hasOverlaps && publisher < publishers * overlappedShare;
}
