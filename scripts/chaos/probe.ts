import type { MqttClient } from "mqtt";
import { type Address, connectToAddresses } from "./clients.ts";

/** How often a probe writes. */
const intervalMs = 5;
/** Writes of one probe without an acknowledgement. After a reconnect the client library sends them one by one, so not too many. */
const inflightMax = 40;

/**
 * Measures how long writes stop: one client per node sends a retained QoS 1 message every few milliseconds and notes when each
 * was sent and acknowledged.
 */
export class Probes {
  readonly #clients: MqttClient[];
  readonly #timers: NodeJS.Timeout[];
  readonly #inflight: number[];
  /** Per node, of the newest writes: [sent, acknowledged]. */
  readonly #writes: [number, number][][];

  constructor(addresses: readonly Address[]) {
    this.#writes = addresses.map(() => []);
    this.#inflight = addresses.map(() => 0);
    this.#clients = addresses.map((address, i) =>
      connectToAddresses([address], 0, { clientId: `chaos-probe-${i}`, reconnectPeriod: 50 }),
    );
    this.#timers = this.#clients.map((client, i) =>
      setInterval(() => this.#write(client, i), intervalMs),
    );
  }

  /**
   * Milliseconds from `atMs` until a write sent after it was acknowledged: the earliest on any of the nodes, and the latest over
   * all of them. Infinity when there is none yet.
   */
  outage(
    atMs: number,
    nodes: readonly number[],
  ): { readonly firstMs: number; readonly allMs: number } {
    const delays = nodes.map((node) => {
      const later = (this.#writes[node] ?? []).filter(([sentMs]) => sentMs >= atMs);
      return Math.min(...later.map(([, acknowledgedMs]) => acknowledgedMs)) - atMs;
    });
    return { firstMs: Math.min(...delays), allMs: Math.max(...delays) };
  }

  /** Resolves when every probe is being answered, so that the next strike is what stops it. */
  async whenFlowing(timeoutMs: number): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs;
    const isFlowing = (node: number): boolean => {
      const [, acknowledgedMs] = this.#writes[node]?.at(-1) ?? [0, 0];
      return (
        performance.now() - acknowledgedMs < 100 && (this.#inflight[node] ?? 0) < inflightMax / 2
      );
    };
    while (!this.#clients.every((_, node) => isFlowing(node)) && performance.now() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** For a person who wonders why there is no figure. */
  describe(): string {
    return this.#clients
      .map(
        (client, i) =>
          `n${i + 1} ${client.connected ? "connected" : "away"}, ${this.#inflight[i]} under way, ${this.#writes[i]?.length} done`,
      )
      .join("; ");
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.all(this.#clients.map((client) => client.endAsync(true)));
  }

  #write(client: MqttClient, node: number): void {
    if (!client.connected || (this.#inflight[node] ?? 0) >= inflightMax) return;
    this.#inflight[node] = (this.#inflight[node] ?? 0) + 1;
    const sentMs = performance.now();
    client.publish(`probe/n${node}`, "x", { qos: 1, retain: true }, (error) => {
      this.#inflight[node] = (this.#inflight[node] ?? 0) - 1;
      if (error) return;
      const writes = this.#writes[node] as [number, number][];
      writes.push([sentMs, performance.now()]);
      if (writes.length > 5000) writes.splice(0, 2500);
    });
  }
}
