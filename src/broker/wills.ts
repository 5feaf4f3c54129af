import { createMessage } from "../mqtt/message.ts";
import type { ConnectPacket, PublishProperties } from "../mqtt/packets.ts";
import type { Will } from "../replica/replica-api.ts";
import type { BrokerContext } from "./context.ts";
import type { PublishFlow } from "./publish.ts";
import type { SessionEntry } from "./session-entry.ts";

/** The Will that a CONNECT carries, or null. */
export function willOf(connect: ConnectPacket, clientId: string): Will | null {
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
 * Wills of connections that the log does not know, because there was no quorum when they came: their node publishes them. All others
 * are published by the log.
 */
export class Wills {
  readonly #context: BrokerContext;
  readonly #publishes: PublishFlow;

  constructor(context: BrokerContext, publishes: PublishFlow) {
    this.#context = context;
    this.#publishes = publishes;
  }

  /** The connection ended; such a session ends with it, so there is no delay. */
  connectionEnded(entry: SessionEntry): void {
    const { will } = entry;
    entry.will = null;
    // [MQTT-3.14.4-3] [MQTT-3.1.2-10]
    if (will === null || entry.epoch > 0 || !entry.session.isWillWanted) return;
    this.#context.counters.willsPublished++;
    // Message expiry counts from the moment it is published.
    const receivedAtMs = this.#context.clock.wallMs();
    this.#publishes.publishOwn(createMessage({ ...will.message, receivedAtMs }), null);
  }
}
