import type { MqttClient } from "mqtt";
import { connectTo } from "./clients.ts";
import type { History } from "./history.ts";

export interface LoadOptions {
  readonly ports: readonly number[];
  readonly writers: number;
  readonly keysPerWriter: number;
  /** Messages of one writer without an acknowledgement. */
  readonly window: number;
}

/** Even keys are retained messages, odd ones device attributes. */
export function topicOf(writer: number, key: number): { topic: string; isRetained: boolean } {
  return key % 2 === 0
    ? { topic: `chaos/w${writer}/k${key}`, isRetained: true }
    : { topic: `sensors/chaos${writer}/k${key}`, isRetained: false };
}

/**
 * Writers that publish QoS 1 values as fast as they are acknowledged, each on keys of its own, with MQTT.js. What the broker
 * did not acknowledge before the connection broke is sent again by the client library, as a device would.
 */
export class Load {
  readonly #options: LoadOptions;
  readonly #history: History;
  readonly #clients: MqttClient[] = [];
  #isStopping = false;
  #inflight = 0;

  constructor(options: LoadOptions, history: History) {
    this.#options = options;
    this.#history = history;
  }

  start(): void {
    for (let writer = 0; writer < this.#options.writers; writer++) {
      const client = connectTo(this.#options.ports, writer, { clientId: `chaos-writer-${writer}` });
      this.#clients.push(client);
      client.once("connect", () => {
        for (let i = 0; i < this.#options.window; i++) this.#next(writer, i);
      });
    }
  }

  /** Lets what is under way come to an end, then disconnects; resolves with how many are still unacknowledged. */
  async stop(timeoutMs: number): Promise<number> {
    this.#isStopping = true;
    const deadlineMs = performance.now() + timeoutMs;
    while (this.#inflight > 0 && performance.now() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await Promise.all(this.#clients.map((client) => client.endAsync(true)));
    return this.#inflight;
  }

  #next(writer: number, turn: number): void {
    if (this.#isStopping) return;
    const { keysPerWriter } = this.#options;
    const { topic, isRetained } = topicOf(writer, turn % keysPerWriter);
    const value = this.#history.sent(topic);
    this.#inflight++;
    (this.#clients[writer] as MqttClient).publish(
      topic,
      String(value),
      { qos: 1, retain: isRetained },
      (error) => {
        this.#inflight--;
        if (!error) this.#history.acknowledged(topic, value);
        setImmediate(() => this.#next(writer, turn + this.#options.window));
      },
    );
  }
}

/** Subscribers on every node that watch the order in which values arrive. */
export class Watchers {
  readonly #clients: MqttClient[];

  constructor(ports: readonly number[], history: History) {
    this.#clients = ports.map((port, i) => {
      const name = `watcher on n${i + 1}`;
      const client = connectTo([port], 0, { clientId: `chaos-watcher-${i}` });
      client.on("connect", () => {
        history.resubscribed(name);
        client.subscribe(["chaos/#", "sensors/+/+"], { qos: 1 });
      });
      client.on("message", (topic, payload) => {
        history.delivered(name, topic, Number(payload.toString()));
      });
      return client;
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.endAsync(true)));
  }
}
