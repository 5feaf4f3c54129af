import type { Broker } from "./brokers.ts";
import type { LoadJob, LoadResult } from "./load/job.ts";
import { measure } from "./load/start.ts";
import type { Workload } from "./workloads.ts";

/** What takes part in a run: a broker, and what its load has beyond that of the workload. */
export interface Contender {
  readonly name: string;
  readonly broker: Broker;
  readonly variant: Partial<LoadJob>;
}

export interface RoundOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmupMs: number;
  readonly log: (line: string) => void;
}

/** The rounds of one contender under one workload; a round that failed is null, so that rounds stay side by side. */
export interface Series {
  readonly workload: Workload;
  readonly contender: Contender;
  readonly rounds: (LoadResult | null)[];
  /** Of the last round that failed. */
  failure: string | null;
}

let run = Date.now() % 1_000_000;

/** Every contender under every workload, in turn, round after round; who begins changes from round to round. */
export async function measureRounds(
  workloads: readonly Workload[],
  contenders: readonly Contender[],
  options: RoundOptions,
): Promise<readonly Series[]> {
  const all = workloads.flatMap((workload) =>
    contenders
      .filter((contender) => isPossible(workload, contender))
      .map((contender): Series => ({ workload, contender, rounds: [], failure: null })),
  );
  for (let round = 0; round < options.rounds; round++) {
    for (const workload of workloads) {
      const series = all.filter((one) => one.workload === workload);
      for (let turn = 0; turn < series.length; turn++) {
        await measureRound(series[(turn + round) % series.length]!, round, options);
      }
    }
  }
  return all;
}

export async function measureOnce(
  { job, isSpread, warmupMsMin }: Workload,
  { broker, variant }: Contender,
  { seconds, warmupMs }: Pick<RoundOptions, "seconds" | "warmupMs">,
): Promise<LoadResult> {
  const { pids, host, ports, subscribePort, peerPorts, httpPorts: metricsPorts } = broker;
  const publishPorts = isSpread ? ports : ports.slice(0, 1);
  const ends = { pids, host, publishPorts, subscribePort, peerPorts, metricsPorts };
  run++;
  const warmup = { warmupMs: Math.max(warmupMs, warmupMsMin) };
  return measure({ ...job, ...variant, ...ends, ...warmup, run, seconds });
}

async function measureRound(series: Series, round: number, options: RoundOptions): Promise<void> {
  const { workload, contender } = series;
  const label = `round ${round + 1}  ${workload.name.padEnd(16)} ${contender.name.padEnd(22)}`;
  try {
    const result = await measureOnce(workload, contender, options);
    series.rounds.push(result);
    const { messagesPerSecond, cpuMicrosPerMessage, generatorLoad } = result;
    options.log(
      `${label} ${String(Math.round(messagesPerSecond)).padStart(9)}/s  ${cpuMicrosPerMessage.toFixed(3)} µs  generator ${generatorLoad.toFixed(2)}`,
    );
  } catch (error) {
    series.rounds.push(null);
    series.failure = (error as Error).message;
    options.log(`${label} failed: ${series.failure}`);
  }
}

function isPossible({ job }: Workload, { broker, variant }: Contender): boolean {
  if (variant.hasOverlaps && job.layout !== "pairs") return false;
  if (job.isDeviceState && !broker.isOurs) return false;
  return job.qos <= broker.qosMax;
}
