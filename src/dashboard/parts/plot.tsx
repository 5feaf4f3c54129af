import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type uPlot from "uplot";
import { colourOf, colourVersion } from "../live/theme.ts";
import { formatBytes, formatCount, formatRate, formatTime } from "../model/format.ts";

/** "value": of a device, whose digits behind the point matter. */
export type PlotUnit = "rate" | "bytes" | "count" | "value";

const formats: Readonly<Record<PlotUnit, (value: number | null) => string>> = {
  rate: formatRate,
  bytes: formatBytes,
  count: formatCount,
  value: (value) => (value === null ? "–" : String(Number(value.toPrecision(5)))),
};

const plotHeight = 190;
/** There is no half connection, and no half byte. */
const wholeSteps = Array.from({ length: 12 }, (_, power) =>
  [1, 2, 5].map((x) => x * 10 ** power),
).flat();

/** Lines over time. The library that draws them is loaded with the first plot, not with the page. */
export function PlotView(props: {
  readonly label: string;
  readonly unit: PlotUnit;
  readonly series: readonly string[];
  readonly columns: readonly (readonly (number | null)[])[];
  readonly height?: number;
  /** The axis follows the values instead of beginning at zero. */
  readonly isClose?: boolean;
}): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const shape = `${props.unit} ${props.series.join(" ")} ${colourVersion.value}`;
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    let isGone = false;
    const observer = new ResizeObserver(() => {
      const { height = plotHeight } = latest.current;
      plot.current?.setSize({ width: element.clientWidth, height });
    });
    void import("./plot-library.ts").then(({ UPlot }) => {
      if (isGone) return;
      const options = optionsOf(latest.current, element.clientWidth);
      plot.current = new UPlot(options, dataOf(latest.current.columns), element);
      observer.observe(element);
    });
    return () => {
      isGone = true;
      observer.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [shape]);
  useEffect(() => {
    plot.current?.setData(dataOf(props.columns));
    if (plot.current !== null) showLast(plot.current);
  }, [props.columns]);
  return <div class="plot" ref={box} role="img" aria-label={describe(props)} />;
}

function describe(props: Parameters<typeof PlotView>[0]): string {
  const now = props.series.map((name, i) => {
    const value = props.columns[i + 1]?.at(-1) ?? null;
    return `${name} ${formats[props.unit](value)}`;
  });
  return `${props.label}: now ${now.join(", ")}`;
}

function dataOf(columns: readonly (readonly (number | null)[])[]): uPlot.AlignedData {
  return columns as unknown as uPlot.AlignedData;
}

function optionsOf(props: Parameters<typeof PlotView>[0], width: number): uPlot.Options {
  const format = formats[props.unit];
  const quiet = colourOf("quiet");
  const line = colourOf("line");
  const colours = [colourOf("series-1"), colourOf("series-2")];
  const axis = {
    stroke: quiet,
    grid: { stroke: line, width: 1 },
    ticks: { stroke: line, size: 4 },
  };
  return {
    width,
    height: props.height ?? plotHeight,
    // Half of the last time's width, which would be cut off at the edge.
    padding: [null, 28, null, null],
    hooks: { ready: [showLast], setCursor: [showLast] },
    scales: props.isClose
      ? {}
      : { y: { range: (_plot, _low, high) => [0, high > 0 ? high * 1.1 : 1] } },
    axes: [
      // Wide enough for seconds, which would run into each other on a phone.
      { ...axis, size: 30, space: 76, values: (_plot, splits) => timesOf(splits) },
      {
        ...axis,
        size: 62,
        values: (_plot, splits) => splits.map((value) => format(value)),
        ...(props.unit === "count" || props.unit === "bytes" ? { incrs: wholeSteps } : {}),
      },
    ],
    series: [
      { label: "at", value: (_plot, seconds) => clockTime(seconds ?? null) },
      ...props.series.map((label, i): uPlot.Series => {
        const stroke = colours[i % colours.length] ?? quiet;
        return { label, stroke, width: 1.6, value: (_plot, value) => format(value ?? null) };
      }),
    ],
  };
}

/** While nobody points at it, the legend tells the newest values. */
function showLast(plot: uPlot): void {
  const last = (plot.data[0]?.length ?? 0) - 1;
  if (typeof plot.cursor.idx !== "number" && last >= 0) plot.setLegend({ idx: last }, false);
}

function clockTime(seconds: number | null): string {
  if (seconds === null) return "–";
  const atMs = seconds * 1000;
  return formatTime(atMs, new Date(atMs).getTimezoneOffset());
}

/** Hours and minutes, with seconds only where lines are closer than a minute. */
function timesOf(splits: readonly number[]): string[] {
  const isFine = (splits[1] ?? 60) - (splits[0] ?? 0) < 60;
  return splits.map((seconds) => clockTime(seconds).slice(0, isFine ? 8 : 5));
}
