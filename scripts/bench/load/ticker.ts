import { once } from "node:events";
import { join } from "node:path";
import { Worker } from "node:worker_threads";

const entry = join(import.meta.dirname, "ticker-thread.ts");

export interface TickerJob {
  readonly intervalMs: number;
  /** Of the clock of `process.hrtime`, which all threads share. */
  readonly startNs: bigint;
  /** 1 from a tick until the event loop has come to it: a loop that is busy finds one tick then, not many. */
  readonly isTicking: Int32Array;
}

/**
 * Wakes the event loop at an interval below the millisecond of timers, by a thread that sleeps meanwhile. An event loop that
 * looks at the clock all the time would take one of two cores, and leave the other to the broker and the rest of the system.
 */
export class Ticker {
  readonly #worker: Worker;
  readonly #intervalMs: number;
  readonly #startMs = performance.now();

  /** Resolves with the first tick. */
  static async start(intervalMs: number, tick: () => void): Promise<Ticker> {
    const ticker = new Ticker(intervalMs, tick);
    await once(ticker.#worker, "message");
    return ticker;
  }

  private constructor(intervalMs: number, tick: () => void) {
    this.#intervalMs = intervalMs;
    const isTicking = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    const workerData: TickerJob = { intervalMs, startNs: process.hrtime.bigint(), isTicking };
    this.#worker = new Worker(entry, { workerData });
    this.#worker.on("message", () => {
      Atomics.store(isTicking, 0, 0);
      tick();
    });
  }

  /** When the first tick after `nowMs` is meant to be. */
  nextMs(nowMs: number): number {
    const ticks = Math.ceil((nowMs - this.#startMs) / this.#intervalMs);
    return this.#startMs + ticks * this.#intervalMs;
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}
