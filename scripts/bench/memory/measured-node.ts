import { setTimeout as pause } from "node:timers/promises";
import { type FlockBroker, startFlockMq } from "../brokers.ts";
import { Inspector } from "../inspector.ts";
import { flockMqVersion } from "../machine.ts";

/** What the process itself accounts for, in bytes. */
export interface Memory {
  /** Objects of JavaScript and the buffers that belong to them. */
  readonly heap: number;
  /** Resident: with what the allocators keep. */
  readonly resident: number;
}

export interface LoopDelay {
  readonly maxMs: number;
  readonly p99Ms: number;
}

const settleMs = 500;
const collections = 3;

/** One new node whose garbage is collected before its memory is read, so that a difference is what is held. */
export class MeasuredNode {
  readonly #broker: FlockBroker;
  readonly #inspector: Inspector;

  private constructor(broker: FlockBroker, inspector: Inspector) {
    this.#broker = broker;
    this.#inspector = inspector;
  }

  static async start(args: readonly string[] = []): Promise<MeasuredNode> {
    const nodeOptions = "--inspect=127.0.0.1:0";
    const broker = await startFlockMq(1, flockMqVersion(), { args, nodeOptions });
    try {
      const log = broker.cluster.nodeAt(0).log;
      const inspector = await Inspector.open(Inspector.addressIn(log));
      return new MeasuredNode(broker, inspector);
    } catch (error) {
      await broker.stop();
      throw error;
    }
  }

  get port(): number {
    return this.#broker.ports[0]!;
  }

  get webSocketPort(): number {
    return this.#broker.cluster.nodeAt(0).ready!.ws;
  }

  get pids(): readonly number[] {
    return this.#broker.pids;
  }

  async memory(): Promise<Memory> {
    for (let left = collections; left > 0; left--) {
      await pause(settleMs);
      await this.#inspector.call("HeapProfiler.collectGarbage");
    }
    const usage = await this.#inspector.evaluate<NodeJS.MemoryUsage>("process.memoryUsage()");
    return { heap: usage.heapUsed + usage.external, resident: usage.rss };
  }

  /** How late a timer of the node was that comes every millisecond, while `work` ran. */
  async loopDelayDuring(work: () => Promise<void>): Promise<LoopDelay> {
    const monitor = 'process.getBuiltinModule("node:perf_hooks").monitorEventLoopDelay';
    await this.#inspector.evaluate(
      `void (globalThis.measuredDelay = ${monitor}({ resolution: 1 })).enable()`,
    );
    await work();
    const delay = await this.#inspector.evaluate<LoopDelay>(
      "measuredDelay.disable(), { maxMs: measuredDelay.max / 1e6, p99Ms: measuredDelay.percentile(99) / 1e6 }",
    );
    return delay;
  }

  async stop(): Promise<void> {
    this.#inspector.close();
    await this.#broker.stop();
  }
}
