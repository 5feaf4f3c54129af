import { Bench } from "../conformance/bench.ts";
import type { TestClient } from "../conformance/client.ts";
import { WireFault } from "../conformance/wire/fault.ts";

export interface Testimony {
  readonly messages: number;
  /** From PUBLISH to the subscriber. */
  readonly slowestMs: number;
}

/**
 * A well-behaved publisher and subscriber beside the attack: each message arrives once, in order and unchanged, and
 * nothing else does.
 */
export class Witnesses {
  readonly #bench: Bench;
  readonly #publisher: TestClient;
  readonly #subscriber: TestClient;
  #messages = 0;
  #slowestMs = 0;

  private constructor(bench: Bench, publisher: TestClient, subscriber: TestClient) {
    this.#bench = bench;
    this.#publisher = publisher;
    this.#subscriber = subscriber;
  }

  static async start(host: string, port: number, seed: number): Promise<Witnesses> {
    const bench = new Bench(5, [{ host, mqtt: port, ws: 0 }], `witness-${seed}`);
    const subscriber = await bench.subscriber("subscriber", bench.topic("#"), { options: 2 });
    return new Witnesses(bench, await bench.connect("publisher"), subscriber);
  }

  /** One message at each QoS, one after the other, until `isOver`; throws at the first thing that is wrong. */
  async testify(isOver: () => boolean): Promise<Testimony> {
    while (!isOver()) {
      for (const qos of [0, 1, 2]) {
        const startedAtMs = performance.now();
        const payload = `message ${this.#messages} at ${qos}`;
        const topic = this.#bench.topic(`t${this.#messages % 10}`);
        await this.#bench.publish(this.#publisher, { topic, payload, qos });
        const message = await this.#bench.receive(this.#subscriber, payload);
        if (message.topic !== topic || message.qos !== qos || message.retain || message.dup) {
          throw new WireFault(`${payload} arrived at ${message.topic} with QoS ${message.qos}`);
        }
        this.#slowestMs = Math.max(this.#slowestMs, performance.now() - startedAtMs);
        this.#messages += 1;
      }
    }
    const rest = await this.#subscriber.untilPong();
    if (rest.length > 0) throw new WireFault(`${rest.length} packets that nobody meant for it`);
    return { messages: this.#messages, slowestMs: this.#slowestMs };
  }

  close(): void {
    this.#bench.close();
  }
}
