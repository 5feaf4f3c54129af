import type { ClusterLine, LinkEnd, NodeLine } from "./api-types.ts";
import { formatBytes } from "./format.ts";
import { growthPerSecond } from "./history.ts";

/** What is known of the link between two nodes. */
export interface LinkFigures {
  /** The mean of both ends; null while no end knows. */
  readonly roundTripMs: number | null;
  /** Both directions together; null until there were two looks at the same link. */
  readonly bytesPerSecond: number | null;
}

export interface Look {
  readonly cluster: ClusterLine;
  readonly timeMs: number;
}

/** The same for both orders of the two. */
export function linkKey(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}

/** Figures of every link that some node tells of, by `linkKey`. Rates come from two looks at the totals. */
export function linkFigures(before: Look | null, after: Look): ReadonlyMap<string, LinkFigures> {
  const figures = new Map<string, LinkFigures>();
  const passedMs = before === null ? 0 : after.timeMs - before.timeMs;
  for (const [key, ends] of linksOf(after.cluster)) {
    const trips = ends.map(({ roundTripMs }) => roundTripMs).filter((trip) => trip !== null);
    const mean = trips.reduce((sum, trip) => sum + trip, 0) / trips.length;
    const earlier = before === null ? undefined : linksOf(before.cluster).get(key);
    const isSame = earlier !== undefined && earlier.length === ends.length;
    figures.set(key, {
      roundTripMs: trips.length === 0 ? null : mean,
      bytesPerSecond: isSame ? growthPerSecond(bytesOf(earlier), bytesOf(ends), passedMs) : null,
    });
  }
  return figures;
}

/** 0.4 ms, 12 kB/s: what stands beside a link. */
export function linkText({ roundTripMs, bytesPerSecond }: LinkFigures): string {
  const trip = roundTripMs === null ? "" : `${tripText(roundTripMs)} ms`;
  const rate = bytesPerSecond === null ? "" : `${formatBytes(bytesPerSecond)}/s`;
  return [trip, rate].filter((part) => part !== "").join(" · ");
}

function tripText(milliseconds: number): string {
  return milliseconds < 10 ? milliseconds.toFixed(1) : String(Math.round(milliseconds));
}

function linksOf({ nodes }: ClusterLine): ReadonlyMap<string, readonly LinkEnd[]> {
  const links = new Map<string, LinkEnd[]>();
  for (const node of nodes) {
    for (const end of endsOf(node)) {
      const key = linkKey(node.nodeId, end.nodeId);
      links.set(key, [...(links.get(key) ?? []), end]);
    }
  }
  return links;
}

function endsOf(node: NodeLine): readonly LinkEnd[] {
  return node.state === "up" ? (node.links ?? []) : [];
}

/** What both ends sent; of a link with one end that tells, what went both ways there. */
function bytesOf(ends: readonly LinkEnd[]): number {
  const [only] = ends;
  if (ends.length === 1 && only !== undefined) return only.sentBytes + only.receivedBytes;
  return ends.reduce((sum, { sentBytes }) => sum + sentBytes, 0);
}
