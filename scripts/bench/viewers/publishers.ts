import { connectAsync, type MqttClient } from "mqtt";

export interface PublisherJob {
  readonly port: number;
  readonly publishers: number;
  readonly messagesPerSecond: number;
  readonly devices: number;
}

/** Paced QoS 1 updates of devices, and how long each acknowledgement took. */
export class Publishers {
  readonly #job: PublisherJob;
  readonly #clients: MqttClient[] = [];
  #latenciesMs: number[] = [];
  #timer: NodeJS.Timeout | null = null;
  #sent = 0;
  #failed = 0;

  constructor(job: PublisherJob) {
    this.#job = job;
  }

  async start(): Promise<void> {
    const { port, publishers } = this.#job;
    for (let at = 0; at < publishers; at++) {
      const clientId = `bench-${at}`;
      this.#clients.push(await connectAsync(`mqtt://127.0.0.1:${port}`, { clientId }));
    }
    const startedMs = performance.now();
    this.#timer = setInterval(() => {
      const due = ((performance.now() - startedMs) / 1000) * this.#job.messagesPerSecond;
      while (this.#sent < due) this.#publish();
    }, 2);
  }

  /** Sorted, since the last call, with the number of messages that were not acknowledged. */
  take(): { readonly latenciesMs: readonly number[]; readonly failed: number } {
    const latenciesMs = this.#latenciesMs.sort((a, b) => a - b);
    const failed = this.#failed;
    this.#latenciesMs = [];
    this.#failed = 0;
    return { latenciesMs, failed };
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await Promise.all(this.#clients.map((client) => client.endAsync(true)));
  }

  #publish(): void {
    const at = this.#sent++;
    const client = this.#clients[at % this.#clients.length]!;
    const payload = `{"x":${at % 1000},"y":${at % 777},"timestamp":${Date.now()}}`;
    const sentMs = performance.now();
    client
      .publishAsync(`sensors/bench${at % this.#job.devices}/coordinates`, payload, { qos: 1 })
      .then(
        () => this.#latenciesMs.push(performance.now() - sentMs),
        () => this.#failed++,
      );
  }
}
