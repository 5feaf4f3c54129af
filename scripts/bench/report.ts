import type { DelayHistogram, Latency, LoadResult } from "./load/job.ts";
import { addDelays, delayQuantileMs } from "./load/loop-delay.ts";
import { complaintOf, type Integrity, sumIntegrity } from "./load/stream-checker.ts";
import { median } from "./statistics.ts";
import { isMet, type Workload } from "./workloads.ts";

/** The medians of all rounds of one workload on one broker, or of one variant of it. */
export interface Figures {
  readonly workload: string;
  readonly contender: string;
  readonly rounds: number;
  readonly messagesPerSecond: number;
  /** What that is when the rate is carried; null without one. */
  readonly offeredPerSecond: number | null;
  readonly cpuMicrosPerMessage: number;
  readonly diskBytesPerMessage: number | null;
  readonly peerBytesPerMessage: number | null;
  /** CPU time of the generator per second, one core being 1. */
  readonly generatorLoad: number;
  readonly acknowledgedMs: Latency | null;
  readonly deliveredMs: Latency | null;
  /** p99 of the event loop's delay over all rounds, for nodes of ours. */
  readonly loopDelayP99Ms: number | null;
  /** Against the reference in the same round, the median of all rounds; null without it. */
  readonly rateRatio: number | null;
  readonly cpuRatio: number | null;
  /** Whether the aim is reached; null without one. */
  readonly isMet: boolean | null;
  /** Sums over all rounds. */
  readonly integrity: Integrity;
  /** What the last round that failed said. */
  readonly failure: string | null;
}

export interface Summarized {
  readonly workload: Workload;
  readonly contender: { readonly name: string };
  readonly rounds: readonly (LoadResult | null)[];
  readonly failure: string | null;
}

/** A moment in which the machine stood still at the end of a round is not a rate that was not carried. */
const uncarriedShareMax = 0.02;

export function summarize(series: Summarized, reference: Summarized | undefined): Figures {
  const rounds = series.rounds.filter((round) => round !== null);
  const of = (field: "messagesPerSecond" | "cpuMicrosPerMessage" | "generatorLoad"): number =>
    rounded(median(rounds.map((round) => round[field])));
  const rateRatio = ratioOf(series, reference, "messagesPerSecond");
  const cpuRatio = ratioOf(series, reference, "cpuMicrosPerMessage");
  const compared = series.workload.compared === "rate" ? rateRatio : cpuRatio;
  return {
    workload: series.workload.name,
    contender: series.contender.name,
    rounds: rounds.length,
    messagesPerSecond: Math.round(of("messagesPerSecond")),
    offeredPerSecond: medianOf(rounds.map((round) => round.offeredPerSecond)),
    cpuMicrosPerMessage: of("cpuMicrosPerMessage"),
    diskBytesPerMessage: medianOf(rounds.map((round) => round.diskBytesPerMessage)),
    peerBytesPerMessage: medianOf(rounds.map((round) => round.peerBytesPerMessage)),
    generatorLoad: of("generatorLoad"),
    acknowledgedMs: medianLatency(rounds.map(({ acknowledgedMs }) => acknowledgedMs)),
    deliveredMs: medianLatency(rounds.map(({ deliveredMs }) => deliveredMs)),
    loopDelayP99Ms: loopDelayP99Ms(rounds.map(({ loopDelay }) => loopDelay)),
    rateRatio,
    cpuRatio,
    isMet: compared === null ? null : isMet(series.workload, compared),
    integrity: sumIntegrity(rounds.map(({ integrity }) => integrity)),
    failure: series.failure,
  };
}

/** Round by round, so that what else the machine did in a round is on both sides. */
function ratioOf(
  series: Summarized,
  reference: Summarized | undefined,
  field: "messagesPerSecond" | "cpuMicrosPerMessage",
): number | null {
  const ratios = series.rounds.flatMap((round, at) => {
    const other = reference?.rounds[at];
    return round === null || other === null || other === undefined
      ? []
      : [round[field] / other[field]];
  });
  return ratios.length === 0 ? null : rounded(median(ratios));
}

function medianOf(all: readonly (number | null)[]): number | null {
  const told = all.filter((value) => value !== null);
  return told.length === 0 ? null : rounded(median(told));
}

function medianLatency(all: readonly (Latency | null)[]): Latency | null {
  const told = all.filter((latency) => latency !== null);
  if (told.length === 0) return null;
  return {
    p50: rounded(median(told.map(({ p50 }) => p50))),
    p99: rounded(median(told.map(({ p99 }) => p99))),
  };
}

function loopDelayP99Ms(all: readonly (DelayHistogram | null)[]): number | null {
  const told = all.filter((histogram) => histogram !== null);
  return told.length === 0 ? null : rounded(delayQuantileMs(told.reduce(addDelays), 0.99));
}

/** One line for each contender that did not deliver exactly what was sent, in order, or that failed. */
export function complaints(all: readonly Figures[]): readonly string[] {
  return all.flatMap(({ workload, contender, integrity, failure }) => {
    const lines = failure === null ? [] : [`${workload} on ${contender} failed: ${failure}`];
    const complaint = complaintOf(integrity);
    return complaint === null ? lines : [...lines, `${workload} on ${contender}: ${complaint}`];
  });
}

/** One line for each contender that fell behind the rate, before or while it was measured: its latencies are not those of the rate. */
export function shortfalls(all: readonly Figures[]): readonly string[] {
  return all.flatMap(({ workload, contender, messagesPerSecond, offeredPerSecond }) => {
    if (offeredPerSecond === null || Number.isNaN(messagesPerSecond)) return [];
    const share = messagesPerSecond / offeredPerSecond;
    if (Math.abs(1 - share) <= uncarriedShareMax) return [];
    const [carried, offered] = [messagesPerSecond, offeredPerSecond].map((rate) =>
      Math.round(rate).toLocaleString("en-US"),
    );
    const why =
      share < 1
        ? "its latencies are those of a queue that grows"
        : "its latencies are those of a queue from the warm-up, which wants to be longer";
    return [`${workload} on ${contender} carried ${carried} of ${offered} messages/s: ${why}`];
  });
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
