/** Runs the seeds that its parent sends, one after the other, and ends with the channel to it: see `workers.ts`. */
import { Worker } from "node:worker_threads";
import { runSchedule } from "../../test/sim/schedule.ts";
import type { Task } from "./seed-queue.ts";
import type { Report } from "./tally.ts";

const seconds = Number(process.argv[2]);
const cpuMaxMs = Number(process.argv[3]);
// Nodes that dial dead ones fail all the time, and a stack costs more than the failure; a replay shows whole ones.
Error.stackTraceLimit = 0;

const limit = new Float64Array(new SharedArrayBuffer(Float64Array.BYTES_PER_ELEMENT)).fill(
  Infinity,
);
new Worker(new URL("processor-watch.ts", import.meta.url), { workerData: limit }).unref();

process.on("message", (message) => {
  const { seed, isTwice } = message as Task;
  limit[0] = cpuMs() + cpuMaxMs;
  // A schedule in which nothing is left to happen ends the process, which tells the parent.
  process.channel?.unref();
  void run(seed, isTwice).then((report) => {
    limit[0] = Infinity;
    process.channel?.ref();
    process.send?.(report);
  });
});

async function run(seed: number, isTwice: boolean): Promise<Report> {
  const beforeMs = cpuMs();
  const result = await runSchedule({ seed, seconds });
  const isComparing = isTwice && result.violation === null;
  const again = isComparing ? await runSchedule({ seed, seconds }) : null;
  return {
    result,
    again: again && { traceHash: again.traceHash, simulatedMs: again.simulatedMs },
    cpuMs: cpuMs() - beforeMs,
  };
}

/** Of all threads. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
