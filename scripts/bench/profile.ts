import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startFlockMq } from "./brokers.ts";
import { type CpuProfile, readFrames } from "./flame/frames.ts";
import { flameSvg } from "./flame/svg.ts";
import { Inspector } from "./inspector.ts";
import { flockMqVersion } from "./machine.ts";
import { measureOnce } from "./rounds.ts";
import type { Workload } from "./workloads.ts";

const samplingIntervalMicros = 500;

export interface ProfileOptions {
  readonly workloads: readonly Workload[];
  readonly directory: string;
  readonly nodes: number;
  readonly seconds: number;
  readonly warmupMs: number;
  readonly log: (line: string) => void;
}

/**
 * One run of each workload on nodes of its own with a profiler each, beside the measured rounds, because profiling costs. The
 * files open in Chrome's developer tools, in speedscope and in editors; the flame graph of each, an SVG file, in any browser.
 */
export async function profileWorkloads(options: ProfileOptions): Promise<void> {
  mkdirSync(options.directory, { recursive: true });
  const nodeOptions = "--inspect=127.0.0.1:0";
  const broker = await startFlockMq(options.nodes, flockMqVersion(), { nodeOptions });
  try {
    const inspectors = await Promise.all(broker.cluster.nodes.map(({ log }) => attach(log)));
    for (const workload of options.workloads) {
      for (const inspector of inspectors) await inspector.call("Profiler.start");
      const contender = { name: broker.name, broker, variant: {} };
      await measureOnce(workload, contender, options);
      for (const [at, inspector] of inspectors.entries()) {
        const { profile } = (await inspector.call("Profiler.stop")) as { profile: CpuProfile };
        const name = inspectors.length === 1 ? workload.name : `${workload.name}.n${at + 1}`;
        const file = join(options.directory, `${name}.cpuprofile`);
        writeFileSync(file, JSON.stringify(profile));
        const title = titleOf(workload, at + 1, inspectors.length);
        writeFileSync(join(options.directory, `${name}.svg`), flameSvg(readFrames(profile), title));
        options.log(`profile of ${workload.name} in ${file}, its flame graph beside it`);
      }
    }
    for (const inspector of inspectors) inspector.close();
  } finally {
    await broker.stop();
  }
}

function titleOf({ title }: Workload, node: number, nodes: number): string {
  const where = nodes === 1 ? "" : `, node ${node} of ${nodes}`;
  return `${title}${where} (FlockMQ ${flockMqVersion()}, Node.js ${process.version.slice(1)})`;
}

async function attach(log: readonly string[]): Promise<Inspector> {
  const inspector = await Inspector.open(Inspector.addressIn(log));
  await inspector.call("Profiler.enable");
  await inspector.call("Profiler.setSamplingInterval", { interval: samplingIntervalMicros });
  return inspector;
}
