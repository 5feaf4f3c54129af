import type { Latency } from "./load/job.ts";
import type { Figures } from "./report.ts";
import type { Workload } from "./workloads.ts";

/** Plain text that is also a Markdown table: one row for each workload and contender. */
export function resultTable(
  all: readonly Figures[],
  workloads: readonly Workload[],
  reference: string,
): readonly string[] {
  const headings = [
    "work",
    "on",
    "msgs/s",
    `x ${reference}`,
    "CPU µs/msg",
    `x ${reference}`,
    "ack p50 / p99 ms",
    "delivery p50 / p99 ms",
    "disk B/msg",
    "wire B/msg",
    "loop p99 ms",
    "generator",
  ];
  const rows = all.map((figures) => [
    workloads.find(({ name }) => name === figures.workload)?.title ?? figures.workload,
    figures.contender,
    number(figures.messagesPerSecond, 0),
    number(figures.rateRatio, 2),
    number(figures.cpuMicrosPerMessage, 2),
    number(figures.cpuRatio, 2),
    latency(figures.acknowledgedMs),
    latency(figures.deliveredMs),
    number(isStoring(figures, all) ? figures.diskBytesPerMessage : null, 0),
    number(figures.peerBytesPerMessage, 0),
    number(figures.loopDelayP99Ms, 1),
    number(figures.generatorLoad, 2),
  ]);
  return markdown(headings, rows, 2);
}

/** What brokers write beside, such as their logs, is not told where nobody stores messages. */
function isStoring({ workload }: Figures, all: readonly Figures[]): boolean {
  return all.some(
    (one) => one.workload === workload && (one.diskBytesPerMessage ?? 0) > storedBytesMin,
  );
}

/** The first `textColumns` are text and stand to the left; a column in which no row says anything is left out. */
export function markdown(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  textColumns: number,
): readonly string[] {
  const columns = [...headings.keys()].filter(
    (column) => column < textColumns || rows.some((row) => row[column] !== nothing),
  );
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => row[column]!.length)),
  );
  const cellsOf = (cells: readonly string[]): string[] =>
    columns.map((column) =>
      column < textColumns
        ? cells[column]!.padEnd(widths[column]!)
        : cells[column]!.padStart(widths[column]!),
    );
  const rule = columns.map((column) =>
    column < textColumns ? "-".repeat(widths[column]!) : `${"-".repeat(widths[column]! - 1)}:`,
  );
  return [cellsOf(headings), rule, ...rows.map(cellsOf)].map((cells) => `| ${cells.join(" | ")} |`);
}

const nothing = "-";
const storedBytesMin = 16;

function number(value: number | null, digits: number): string {
  if (value === null || Number.isNaN(value)) return nothing;
  return value.toLocaleString("en-US", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

function latency(value: Latency | null): string {
  return value === null ? nothing : `${value.p50.toFixed(2)} / ${value.p99.toFixed(2)}`;
}
