import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../cluster/drivers/system-clock.ts";
import { Counters } from "../../cluster/ports.ts";
import { generateIdentity } from "../../cluster/transport/identity.ts";
import { Libp2pTransport, type Libp2pTransportOptions } from "../../cluster/transport/libp2p.ts";
import {
  type NodeSettings,
  TestLog,
  TestNode,
  type TransportHarness,
  testSecret,
} from "./transport-harness.ts";

const deadlineMs = 8000;
const victimScript = fileURLToPath(new URL("./libp2p-victim.ts", import.meta.url));

/** Nodes on loopback with ports of the system's choice. */
export class Libp2pHarness implements TransportHarness {
  readonly #nodes: TestNode[] = [];
  readonly #children: ChildProcess[] = [];
  readonly log = new TestLog();

  async start(
    settings: NodeSettings = {},
    options: Partial<Libp2pTransportOptions> = {},
  ): Promise<TestNode> {
    const counters = new Counters();
    const { limits, protocolMajor } = settings;
    const transport = new Libp2pTransport({
      identity: generateIdentity(),
      host: "127.0.0.1",
      port: 0,
      isPortFixed: false,
      secret: settings.secret ?? testSecret,
      isMdnsEnabled: false,
      version: "0.1.0",
      clock: systemClock,
      random: Math.random,
      log: this.log,
      counters,
      ...(limits && { limits }),
      ...(protocolMajor !== undefined && { protocolMajor }),
      ...options,
    });
    const node = new TestNode(transport, counters, settings);
    await node.start();
    this.#nodes.push(node);
    return node;
  }

  async startVictim(): Promise<{ address: string; nodeId: string; kill(): void }> {
    const child = spawn(process.execPath, [victimScript], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { PATH: process.env["PATH"] },
    });
    this.#children.push(child);
    const lines = createInterface({ input: child.stdout });
    const [line] = (await once(lines, "line")) as [string];
    const { address, nodeId } = JSON.parse(line) as { address: string; nodeId: string };
    return { address, nodeId, kill: () => void child.kill("SIGKILL") };
  }

  settle<T>(promise: Promise<T>): Promise<T> {
    return promise;
  }

  async until(condition: () => boolean, what: string): Promise<void> {
    const endMs = performance.now() + deadlineMs;
    while (!condition()) {
      if (performance.now() > endMs) throw new Error(`not within ${deadlineMs} ms: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  async quiesce(): Promise<void> {
    // A request to every peer and back proves that whatever was sent before it has arrived.
    for (const node of this.#nodes) {
      for (const peer of node.transport.links()) {
        await node.transport.request(peer, "echo", new Uint8Array(1), 1000).catch(() => {});
      }
    }
  }

  async stop(): Promise<void> {
    for (const child of this.#children.splice(0)) child.kill("SIGKILL");
    await Promise.all(this.#nodes.splice(0).map((node) => node.transport.stop()));
  }
}
