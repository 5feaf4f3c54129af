/** Runs the seeds that its parent sends, one after the other, and ends with the channel to it: see `workers.ts`. */
import { runSchedule } from "../../test/sim/schedule.ts";
import type { Task } from "./seed-queue.ts";
import type { Report } from "./tally.ts";

const seconds = Number(process.argv[2]);
// Nodes that dial dead ones fail all the time, and a stack costs more than the failure; a replay shows whole ones.
Error.stackTraceLimit = 0;

process.on("message", (message) => {
  const { seed, isTwice } = message as Task;
  void run(seed, isTwice).then((report) => process.send?.(report));
});

async function run(seed: number, isTwice: boolean): Promise<Report> {
  const before = process.cpuUsage();
  const result = await runSchedule({ seed, seconds });
  const isComparing = isTwice && result.violation === null;
  const again = isComparing ? await runSchedule({ seed, seconds }) : null;
  const { user, system } = process.cpuUsage(before);
  return {
    result,
    again: again && { traceHash: again.traceHash, simulatedMs: again.simulatedMs },
    cpuMs: (user + system) / 1000,
  };
}
