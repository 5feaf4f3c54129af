import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startFlockMq } from "./brokers.ts";
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
 * files open in Chrome's developer tools, in speedscope and in editors, also as flame graphs.
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
        const { profile } = (await inspector.call("Profiler.stop")) as { profile: object };
        const name = inspectors.length === 1 ? workload.name : `${workload.name}.n${at + 1}`;
        const file = join(options.directory, `${name}.cpuprofile`);
        writeFileSync(file, JSON.stringify(profile));
        options.log(`profile of ${workload.name} in ${file}`);
      }
    }
    for (const inspector of inspectors) inspector.close();
  } finally {
    await broker.stop();
  }
}

async function attach(log: readonly string[]): Promise<Inspector> {
  const inspector = await Inspector.open(Inspector.addressIn(log));
  await inspector.call("Profiler.enable");
  await inspector.call("Profiler.setSamplingInterval", { interval: samplingIntervalMicros });
  return inspector;
}
