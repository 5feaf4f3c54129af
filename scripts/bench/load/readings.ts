import { cpuSeconds } from "../cpu-time.ts";
import { diskBytes, peerBytes } from "../written-bytes.ts";
import type { LoadJob } from "./job.ts";

type Broker = Pick<LoadJob, "pids" | "peerPorts">;

/** By all processes of the broker together. It may take a process of its own to read, so that nothing is sent meanwhile. */
export function readBytes({ pids, peerPorts }: Broker) {
  return { disk: diskBytes(pids), peers: peerBytes(peerPorts) };
}

export function readTimes({ pids }: Broker) {
  const { user, system } = process.cpuUsage();
  return {
    atMs: performance.now(),
    brokerCpuSeconds: cpuSeconds(pids),
    generatorCpuSeconds: (user + system) / 1e6,
  };
}
