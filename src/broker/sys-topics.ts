import { type ApplicationMessage, createMessage } from "../mqtt/message.ts";
import { matches } from "../mqtt/topic.ts";
import type { BrokerContext } from "./context.ts";
import type { Dispatcher } from "./dispatch.ts";
import { clusterValues, nodesPrefix } from "./sys-cluster.ts";
import { type SysSource, SysValues } from "./sys-values.ts";

/**
 * `$SYS`: what this node says about itself, to its own clients only. Values behave as retained messages do: a new
 * subscriber gets the current ones at once, and an unchanged one never vanishes.
 */
export class SysTopics {
  readonly #context: BrokerContext;
  readonly #dispatcher: Dispatcher;
  readonly #source: () => SysSource;
  readonly #intervalMs: number;
  readonly #values = new SysValues();
  readonly #messages = new Map<string, ApplicationMessage>();
  #collectedAtMs: number;
  #isStopped = false;

  /** `intervalMs` 0 = no `$SYS` at all. */
  constructor(
    context: BrokerContext,
    dispatcher: Dispatcher,
    source: () => SysSource,
    intervalMs: number,
  ) {
    this.#context = context;
    this.#dispatcher = dispatcher;
    this.#source = source;
    this.#intervalMs = intervalMs;
    this.#collectedAtMs = context.clock.monotonicMs();
  }

  start(): void {
    if (this.#intervalMs === 0) return;
    this.#publish();
    this.#arm();
  }

  stop(): void {
    this.#isStopped = true;
  }

  visit(filter: string, visit: (message: ApplicationMessage) => void): void {
    if (!filter.startsWith("$SYS")) return;
    for (const message of this.#messages.values()) {
      if (matches(filter, message.topic)) visit(message);
    }
  }

  #arm(): void {
    this.#context.wheel.after(this.#intervalMs, () => {
      if (this.#isStopped) return;
      this.#publish();
      this.#arm();
    });
  }

  #publish(): void {
    const nowMs = this.#context.clock.monotonicMs();
    const values = this.#values.collect(this.#source(), nowMs - this.#collectedAtMs);
    this.#collectedAtMs = nowMs;
    for (const [name, value] of values) this.#set(`$SYS/broker/${name}`, value);
    const ofCluster = clusterValues(this.#context);
    for (const topic of this.#messages.keys()) {
      if (topic.startsWith(nodesPrefix) && !ofCluster.has(topic)) this.#messages.delete(topic);
    }
    for (const [topic, value] of ofCluster) this.#set(topic, value);
  }

  /** Published when it changed: mosquitto's clients know it so. */
  #set(topic: string, text: string): void {
    const before = this.#messages.get(topic);
    const payload = Buffer.from(text);
    if (before?.payload.equals(payload)) return;
    const message = createMessage({
      topic,
      payload,
      qos: 0,
      retain: true,
      properties: null,
      receivedAtMs: this.#context.clock.wallMs(),
      publisherId: "",
      version: 0,
    });
    this.#messages.set(topic, message);
    this.#dispatcher.deliverLocally(message);
  }
}
