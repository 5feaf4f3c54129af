import type { StatsHistory, StatsPoint } from "./api-types.ts";
import { wordsOf } from "./format.ts";

/** Columns for a plot: seconds since 1970, then one column for each series. Null: nothing is known of that step. */
export interface Plot {
  readonly key: string;
  readonly title: string;
  readonly unit: "rate" | "bytes" | "count";
  readonly series: readonly { readonly name: string; readonly label: string }[];
}

const plots: readonly Plot[] = [
  {
    key: "messages",
    title: "Messages per second",
    unit: "rate",
    series: [
      { name: "messagesIn", label: "in" },
      { name: "messagesOut", label: "out" },
    ],
  },
  {
    key: "bytes",
    title: "Bytes per second",
    unit: "bytes",
    series: [
      { name: "bytesIn", label: "in" },
      { name: "bytesOut", label: "out" },
    ],
  },
  {
    key: "forwards",
    title: "Messages between nodes per second",
    unit: "rate",
    series: [
      { name: "forwardsIn", label: "received" },
      { name: "forwardsOut", label: "sent" },
    ],
  },
  {
    key: "connections",
    title: "Connections",
    unit: "count",
    series: [{ name: "connections", label: "connections" }],
  },
  {
    key: "dropped",
    title: "Dropped per second",
    unit: "rate",
    series: [{ name: "dropped", label: "dropped" }],
  },
];

const notPlotted: ReadonlySet<string> = new Set(["timeMs", "nodes"]);

/** Figures of which a point tells the growth within its step; all others say how much there was at its end. */
const growing: ReadonlySet<string> = new Set([
  "messagesIn",
  "messagesOut",
  "bytesIn",
  "bytesOut",
  "forwardsIn",
  "forwardsOut",
  "dropped",
]);

/** The known plots of which there is data, then one for each further figure that the node tells. */
export function plotsOf(points: readonly StatsPoint[]): readonly Plot[] {
  const last = points.at(-1);
  if (last === undefined) return [];
  const known = plots.filter(({ series }) => series.some(({ name }) => isFigure(last[name])));
  const named = new Set(plots.flatMap(({ series }) => series.map(({ name }) => name)));
  const more = Object.keys(last)
    .filter((name) => !named.has(name) && !notPlotted.has(name) && isFigure(last[name]))
    .map((name): Plot => {
      const title = capitalized(wordsOf(name));
      return { key: name, title, unit: "count", series: [{ name, label: wordsOf(name) }] };
    });
  return [...known, ...more];
}

export function columnsOf(
  points: readonly StatsPoint[],
  names: readonly string[],
): (number | null)[][] {
  const times = points.map((point) => point.timeMs / 1000);
  return [times, ...names.map((name) => points.map((point) => figureOf(point[name])))];
}

/**
 * What the node answered, with growth as rates per second. Takes only what has the shape of a history: the rest of the page must not
 * break on a strange answer.
 */
export function readHistory(value: unknown): StatsHistory {
  const { stepMs, points } = (value ?? {}) as Partial<Record<keyof StatsHistory, unknown>>;
  const rows = Array.isArray(points) ? points : [];
  const step = typeof stepMs === "number" && stepMs > 0 ? stepMs : 10_000;
  const known = rows.filter(
    (row): row is StatsPoint => typeof row === "object" && row !== null && isFigure(row.timeMs),
  );
  return { stepMs: step, points: known.map((point) => withRates(point, step / 1000)) };
}

function withRates(point: StatsPoint, seconds: number): StatsPoint {
  const figures = Object.entries(point).map(([name, value]) => [
    name,
    growing.has(name) && isFigure(value) ? value / seconds : value,
  ]);
  return Object.fromEntries(figures) as StatsPoint;
}

/** Growth per second of a running total between two looks; null when it began anew, as after a restart. */
export function growthPerSecond(before: number, after: number, passedMs: number): number | null {
  if (passedMs <= 0 || after < before) return null;
  return ((after - before) / passedMs) * 1000;
}

/** A line through values as the `points` of an SVG polyline in a box; empty for fewer than two. */
export function sparkline(values: readonly number[], width: number, height: number): string {
  if (values.length < 2) return "";
  const most = Math.max(...values, 1e-9);
  return values
    .map((value, i) => {
      const x = (i / (values.length - 1)) * width;
      const y = height - 1 - (Math.max(0, value) / most) * (height - 2);
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    })
    .join(" ");
}

function isFigure(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function figureOf(value: unknown): number | null {
  return isFigure(value) ? value : null;
}

function capitalized(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
