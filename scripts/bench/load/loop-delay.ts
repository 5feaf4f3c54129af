import type { DelayHistogram } from "./job.ts";

const metric = "flockmq_event_loop_delay_seconds";

/** What nodes tell about the delay of their event loops, summed over all nodes; null without nodes that do. */
export async function readLoopDelay(ports: readonly number[]): Promise<DelayHistogram | null> {
  if (ports.length === 0) return null;
  const all = await Promise.all(
    ports.map(async (port) => {
      const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
      return parseLoopDelay(await answer.text());
    }),
  );
  return all.reduce(addDelays);
}

export function parseLoopDelay(text: string): DelayHistogram {
  const boundsSeconds: number[] = [];
  const cumulated: number[] = [];
  for (const [, bound, count] of text.matchAll(bucketPattern)) {
    if (bound !== "+Inf") boundsSeconds.push(Number(bound));
    cumulated.push(Number(count));
  }
  if (cumulated.length !== boundsSeconds.length + 1) throw new Error(`/metrics has no ${metric}`);
  const counts = cumulated.map((count, at) => count - (cumulated[at - 1] ?? 0));
  return { boundsSeconds, counts };
}

const bucketPattern = new RegExp(`^${metric}_bucket\\{[^}]*le="([^"]+)"[^}]*\\} (\\d+)`, "gm");

export function addDelays(a: DelayHistogram, b: DelayHistogram): DelayHistogram {
  return { ...a, counts: a.counts.map((count, at) => count + b.counts[at]!) };
}

export function subtractDelays(a: DelayHistogram, b: DelayHistogram): DelayHistogram {
  return { ...a, counts: a.counts.map((count, at) => count - b.counts[at]!) };
}

/**
 * In milliseconds, taking the samples of a bucket as spread evenly over it, as Prometheus does; infinite when it lies
 * beyond the last bound, NaN without samples.
 */
export function delayQuantileMs(histogram: DelayHistogram, share: number): number {
  const { boundsSeconds, counts } = histogram;
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return Number.NaN;
  let left = share * total;
  for (const [at, bound] of boundsSeconds.entries()) {
    const count = counts[at]!;
    const from = boundsSeconds[at - 1] ?? 0;
    if (left <= count && count > 0) return (from + ((bound - from) * left) / count) * 1000;
    left -= count;
  }
  return Number.POSITIVE_INFINITY;
}
