import { Counters } from "../../cluster/ports.ts";
import { MemoryTransport } from "../../cluster/transport/memory.ts";
import { MemoryNetwork } from "../../cluster/transport/memory-network.ts";
import { FakeClock } from "./fake-clock.ts";
import {
  type NodeSettings,
  TestNode,
  type TransportHarness,
  testSecret,
} from "./transport-harness.ts";

/** A small seeded generator (mulberry32), enough for delays. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Nodes on a simulated network; time passes only while a test waits for something. */
export class MemoryHarness implements TransportHarness {
  readonly clock = new FakeClock();
  readonly network: MemoryNetwork;
  readonly #random: () => number;

  constructor(seed = 1) {
    this.#random = seededRandom(seed);
    this.network = new MemoryNetwork({ clock: this.clock, random: this.#random });
  }

  async start(settings: NodeSettings = {}): Promise<TestNode> {
    const counters = new Counters();
    const { limits, protocolMajor } = settings;
    const transport = new MemoryTransport({
      network: this.network,
      nodeId: this.#nodeId(),
      secret: settings.secret ?? testSecret,
      counters,
      ...(limits && { limits }),
      ...(protocolMajor !== undefined && { protocolMajor }),
    });
    const node = new TestNode(transport, counters, settings);
    await node.start();
    return node;
  }

  async startVictim(): Promise<{ address: string; nodeId: string; kill(): void }> {
    const node = await this.start();
    return { address: node.address, nodeId: node.id, kill: () => this.network.crash(node.id) };
  }

  async settle<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const settled = (): void => {
      isSettled = true;
    };
    promise.then(settled, settled);
    await this.until(() => isSettled, "the promise is settled");
    return promise;
  }

  async until(condition: () => boolean, what: string): Promise<void> {
    for (let steps = 0; !condition(); steps++) {
      if (steps > 20_000) throw new Error(`after ${steps} steps still not: ${what}`);
      await this.#step();
    }
  }

  async quiesce(): Promise<void> {
    for (let steps = 0; steps < 100; steps++) await this.#step();
  }

  async stop(): Promise<void> {}

  async #step(): Promise<void> {
    this.clock.advance(0.5);
    // Lets promises that the step resolved run, chains of them too.
    for (let turns = 0; turns < 10; turns++) await Promise.resolve();
  }

  #nodeId(): string {
    const digit = (): string => Math.floor(this.#random() * 16).toString(16);
    return Array.from({ length: 32 }, digit).join("");
  }
}
