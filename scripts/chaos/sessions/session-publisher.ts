import type { Endpoint } from "../flock.ts";
import type { Ledger } from "./ledger.ts";
import { Roamer } from "./roamer.ts";

export interface SessionPublisherOptions {
  readonly index: number;
  readonly topics: readonly { readonly topic: string; readonly qos: 1 | 2 }[];
  readonly pauseMs: number;
  readonly endpoints: () => readonly Endpoint[];
  readonly random: () => number;
  readonly ledger: Ledger;
}

/** Messages of one topic without an acknowledgement. */
const windowPerTopic = 4;

/** Numbered messages on topics of its own; what is not acknowledged when a connection breaks goes out again on the next. */
export class SessionPublisher {
  readonly roamer: Roamer;
  readonly #options: SessionPublisherOptions;
  #open = 0;
  #isStopped = false;

  constructor(options: SessionPublisherOptions) {
    this.#options = options;
    const { index, endpoints, random } = options;
    // Every fourth speaks MQTT 3.1.1.
    const protocolVersion = index % 4 === 3 ? 4 : 5;
    this.roamer = new Roamer({ clientId: `p${index}`, protocolVersion, endpoints, random });
  }

  /** Messages that the client library still works on. */
  get open(): number {
    return this.#open;
  }

  start(): void {
    for (const { topic, qos } of this.#options.topics) {
      for (let i = 0; i < windowPerTopic; i++) this.#publish(topic, qos);
    }
  }

  stop(): void {
    this.#isStopped = true;
  }

  #publish(topic: string, qos: 1 | 2): void {
    if (this.#isStopped) return;
    const { ledger, pauseMs } = this.#options;
    const number = ledger.sent(topic);
    this.#open++;
    this.roamer.client.publish(topic, String(number), { qos }, (error) => {
      this.#open--;
      if (error) ledger.givenUp();
      else ledger.acknowledged(topic, number);
      setTimeout(() => this.#publish(topic, qos), pauseMs);
    });
  }
}
