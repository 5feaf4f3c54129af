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
  readonly seconds: number;
  readonly warmupMs: number;
  readonly log: (line: string) => void;
}

/**
 * One run of each workload on a node of its own kind with a profiler, beside the measured rounds, because profiling costs. The
 * files open in Chrome's developer tools, in speedscope and in editors.
 */
export async function profileWorkloads(options: ProfileOptions): Promise<void> {
  mkdirSync(options.directory, { recursive: true });
  const broker = await startFlockMq(1, flockMqVersion(), { nodeOptions: "--inspect=127.0.0.1:0" });
  try {
    const inspector = await Inspector.open(Inspector.addressIn(broker.cluster.nodeAt(0).log));
    await inspector.call("Profiler.enable");
    await inspector.call("Profiler.setSamplingInterval", { interval: samplingIntervalMicros });
    for (const workload of options.workloads) {
      await inspector.call("Profiler.start");
      const contender = { name: broker.name, broker, variant: {} };
      await measureOnce(workload, contender, options);
      const { profile } = (await inspector.call("Profiler.stop")) as { profile: object };
      const file = join(options.directory, `${workload.name}.cpuprofile`);
      writeFileSync(file, JSON.stringify(profile));
      options.log(`profile of ${workload.name} in ${file}`);
    }
    inspector.close();
  } finally {
    await broker.stop();
  }
}
