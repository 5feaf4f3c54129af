import { createMessage } from "../mqtt/message.ts";
import type { ConnectPacket, PublishProperties } from "../mqtt/packets.ts";
import type { BrokerContext } from "./context.ts";
import type { PublishFlow } from "./publish.ts";
import type { ArmedWill, SessionEntry } from "./session-entry.ts";

/** The Will that a CONNECT carries, or null. */
export function willOf(connect: ConnectPacket, clientId: string): ArmedWill | null {
  const { will } = connect;
  if (!will) return null;
  const { willDelayInterval = 0, ...passedOn } = will.properties ?? {};
  const properties: PublishProperties | null = Object.keys(passedOn).length > 0 ? passedOn : null;
  const message = createMessage({
    topic: will.topic,
    payload: will.payload,
    qos: will.qos,
    retain: will.retain,
    properties,
    receivedAtMs: 0,
    publisherId: clientId,
    version: 0,
  });
  return { message, delaySeconds: willDelayInterval };
}

/**
 * Will Messages: published when a connection ended without a goodbye and the Will Delay Interval passed or the session
 * ended, whichever comes first; forgotten when the client is back in time [MQTT-3.1.3-9].
 */
export class Wills {
  readonly #context: BrokerContext;
  readonly #publishes: PublishFlow;

  constructor(context: BrokerContext, publishes: PublishFlow) {
    this.#context = context;
    this.#publishes = publishes;
  }

  /** The connection ended. */
  connectionEnded(entry: SessionEntry): void {
    if (!entry.will) return;
    if (!entry.session.isWillWanted) {
      entry.will = null; // [MQTT-3.14.4-3]
      return;
    }
    const { delaySeconds } = entry.will;
    if (delaySeconds === 0 || entry.session.sessionExpirySeconds === 0) {
      this.publishNow(entry);
      return;
    }
    entry.willTimer?.();
    entry.willTimer = this.#context.wheel.after(delaySeconds * 1000, () => this.publishNow(entry));
  }

  /** The client is back before the delay was over, or its session lives on another node. */
  cancel(entry: SessionEntry): void {
    entry.willTimer?.();
    entry.willTimer = null;
    if (!entry.will) return;
    entry.will = null;
    this.#context.counters.willsCancelled++;
  }

  /** The delay is over or the session ended. */
  publishNow(entry: SessionEntry): void {
    entry.willTimer?.();
    entry.willTimer = null;
    const { will } = entry;
    if (!will) return;
    entry.will = null; // [MQTT-3.1.2-10]
    this.#context.counters.willsPublished++;
    // Message expiry counts from the moment it is published.
    const receivedAtMs = this.#context.clock.wallMs();
    this.#publishes.publishOwn(createMessage({ ...will.message, receivedAtMs }), null);
  }
}
