import type { MqttClient } from "mqtt";
import { type Endpoint, pause } from "./flock.ts";
import { openClient } from "./register-access.ts";

const clientsPerNode = 4;
const inflightMax = 64;
const turnMs = 10;
const valueBytes = 100;

/** Retained QoS 1 writes on all nodes, as many a second as asked for. */
export class PacedLoad {
  readonly #clients: readonly MqttClient[];
  readonly #inflight: number[];
  #acknowledged = 0;
  #sent = 0;

  private constructor(clients: readonly MqttClient[]) {
    this.#clients = clients;
    this.#inflight = clients.map(() => 0);
  }

  static async start(endpoints: readonly Endpoint[]): Promise<PacedLoad> {
    const all = endpoints.flatMap((endpoint) =>
      Array.from({ length: clientsPerNode }, () => endpoint),
    );
    return new PacedLoad(await Promise.all(all.map((endpoint) => openClient(endpoint, 10_000))));
  }

  /** Clients whose connection ended: none is made again, so that nothing is hidden. */
  get lostConnections(): number {
    return this.#clients.filter((client) => !client.connected).length;
  }

  /** Writes for so long; resolves with the acknowledged writes a second. */
  async run(perSecond: number, forMs: number): Promise<number> {
    const startMs = performance.now();
    const [acknowledged, sent] = [this.#acknowledged, this.#sent];
    for (;;) {
      const elapsedMs = performance.now() - startMs;
      if (elapsedMs >= forMs) return ((this.#acknowledged - acknowledged) * 1000) / elapsedMs;
      const due = (perSecond * elapsedMs) / 1000 - (this.#sent - sent);
      this.#send(due);
      await pause(turnMs);
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.endAsync(true)));
  }

  /** Round all clients, until so many are sent or all windows are full. */
  #send(due: number): void {
    let left = due;
    let hasSent = true;
    while (left >= 1 && hasSent) {
      hasSent = false;
      for (const [index, client] of this.#clients.entries()) {
        if (left < 1 || !client.connected || (this.#inflight[index] ?? 0) >= inflightMax) continue;
        this.#publish(index, client);
        hasSent = true;
        left--;
      }
    }
  }

  #publish(index: number, client: MqttClient): void {
    this.#inflight[index] = (this.#inflight[index] ?? 0) + 1;
    const number = this.#sent++;
    const value = String(number).padEnd(valueBytes, ".");
    client.publish(`load/${number % 1000}`, value, { qos: 1, retain: true }, (error) => {
      this.#inflight[index] = (this.#inflight[index] ?? 0) - 1;
      if (!error) this.#acknowledged++;
    });
  }
}
