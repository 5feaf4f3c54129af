/** The thread of a `Ticker`: sleeps, and tells the event loop each time. */
import { parentPort, workerData } from "node:worker_threads";
import type { TickerJob } from "./ticker.ts";

/** The system adds about as much again; shorter sleeps cost more than they are worth. */
const sleepMsMin = 0.05;

const { intervalMs, startNs, isTicking } = workerData as TickerJob;
/** Nobody wakes it: it is there to be waited for. */
const asleep = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

for (;;) {
  const sinceMs = Number(process.hrtime.bigint() - startNs) / 1e6;
  const ticks = Math.ceil((sinceMs + sleepMsMin) / intervalMs);
  Atomics.wait(asleep, 0, 0, ticks * intervalMs - sinceMs);
  if (Atomics.exchange(isTicking, 0, 1) === 0) parentPort?.postMessage(null);
}
