import { performance } from "node:perf_hooks";
import { timeHeldMs } from "#cluster";

/** Of the process, in Prometheus' usual names and base units. */
export function processMetrics(): ReadonlyMap<string, number> {
  const usage = process.cpuUsage();
  const memory = process.memoryUsage();
  const { active, idle } = performance.eventLoopUtilization();
  return new Map([
    ["process_cpu_seconds_total", (usage.user + usage.system) / 1e6],
    ["process_resident_memory_bytes", memory.rss],
    ["process_heap_bytes", memory.heapUsed],
    ["process_external_memory_bytes", memory.external],
    ["process_start_time_seconds", Math.round(performance.timeOrigin) / 1000],
    [
      "flockmq_event_loop_utilization_ratio",
      Math.max(0, active - timeHeldMs()) / Math.max(1, active + idle),
    ],
  ]);
}
