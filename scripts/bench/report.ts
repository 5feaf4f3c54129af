import type { LoadResult } from "./load/job.ts";
import { type Integrity, sumIntegrity } from "./load/stream-checker.ts";
import { median } from "./statistics.ts";

/** The medians of all rounds of one workload on one broker. */
export interface Figures {
  readonly workload: string;
  readonly broker: string;
  readonly messagesPerSecond: number;
  readonly cpuMicrosPerMessage: number;
  readonly generatorLoad: number;
  readonly acknowledgedMs: { readonly p50: number; readonly p99: number } | null;
  /** Messages per second against the reference in the same run; null without it. */
  readonly ratio: number | null;
  /** Sums over all rounds. */
  readonly integrity: Integrity;
}

export function summarize(
  workload: string,
  broker: string,
  rounds: readonly LoadResult[],
  reference: readonly LoadResult[],
): Figures {
  const rate = median(rounds.map(({ messagesPerSecond }) => messagesPerSecond));
  const referenceRate = median(reference.map(({ messagesPerSecond }) => messagesPerSecond));
  const latencies = rounds.flatMap(({ acknowledgedMs }) => acknowledgedMs ?? []);
  return {
    workload,
    broker,
    messagesPerSecond: Math.round(rate),
    cpuMicrosPerMessage: rounded(median(rounds.map((round) => round.cpuMicrosPerMessage))),
    generatorLoad: rounded(median(rounds.map(({ generatorLoad }) => generatorLoad))),
    acknowledgedMs:
      latencies.length === 0
        ? null
        : {
            p50: rounded(median(latencies.map(({ p50 }) => p50))),
            p99: rounded(median(latencies.map(({ p99 }) => p99))),
          },
    ratio: Number.isNaN(referenceRate) ? null : rounded(rate / referenceRate),
    integrity: sumIntegrity(rounds.map(({ integrity }) => integrity)),
  };
}

const headings = ["workload", "broker", "msgs/s", "x mosquitto", "CPU µs/msg", "ack p50/p99 ms"];

/** Plain text that is also a Markdown table. */
export function table(
  all: readonly Figures[],
  titleOf: (workload: string) => string,
): readonly string[] {
  const rows = all.map((figures) => [
    titleOf(figures.workload),
    figures.broker,
    figures.messagesPerSecond.toLocaleString("en-US"),
    figures.ratio === null ? "-" : figures.ratio.toFixed(2),
    figures.cpuMicrosPerMessage.toFixed(2),
    figures.acknowledgedMs === null
      ? "-"
      : `${figures.acknowledgedMs.p50.toFixed(2)} / ${figures.acknowledgedMs.p99.toFixed(2)}`,
  ]);
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => row[column]!.length)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => (column < 2 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join(" | ")} |`;
  const rule = widths.map((width, column) =>
    column < 2 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`,
  );
  return [line(headings), line(rule), ...rows.map(line), ...complaints(all)];
}

/** One line for each broker that did not deliver exactly what was sent, in order. */
export function complaints(all: readonly Figures[]): readonly string[] {
  return all.flatMap(({ workload, broker, integrity }) => {
    const { lost, duplicates, outOfOrder, foreign } = integrity;
    if (lost + duplicates + outOfOrder + foreign === 0) return [];
    return [
      `${workload} on ${broker}: ${lost} lost, ${duplicates} duplicates, ${outOfOrder} out of order, ${foreign} foreign`,
    ];
  });
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
