import type { PublishProperties, Qos } from "./packets.ts";

/**
 * An application message travelling through the broker: what a PUBLISH carries apart from its exchange with one client.
 * Immutable apart from `wire`, because many subscribers share it.
 */
export interface ApplicationMessage {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: Qos;
  readonly retain: boolean;
  /** What a server passes on unaltered [MQTT-3.3.2-4 and following]; no topic alias, no subscription identifier. */
  readonly properties: PublishProperties | null;
  /** Wall-clock milliseconds at which the message was accepted; message expiry counts from here. */
  readonly receivedAtMs: number;
  /** Client identifier of the publisher; "" for messages of the broker itself. No Local compares it. */
  readonly publisherId: string;
  /** Log index when the message went through the log, else 0. Orders it against a retained copy of the same topic. */
  readonly version: number;
  /**
   * Encoded forms that subscribers share; filled by the encoder, never by anyone else. Null until the message is sent, and empty until it
   * is sent again: most messages have one subscriber, to whose output they go straight.
   */
  wire: WireForms | null;
}

/** One slot per (MQTT 5 or not, retain flag) at QoS 0, and one per the same at QoS > 0 with the packet identifier left open. */
export type WireForms = (Buffer | undefined)[];

export function createMessage(fields: Omit<ApplicationMessage, "wire">): ApplicationMessage {
  const { topic, payload, qos, retain, properties, receivedAtMs, publisherId, version } = fields;
  // Field by field: a copy by spread costs several times as much, and this is done several times a message.
  const wire = null;
  return { topic, payload, qos, retain, properties, receivedAtMs, publisherId, version, wire };
}

/** The same message, as the log numbered it. */
export function withVersion(message: ApplicationMessage, version: number): ApplicationMessage {
  const { topic, payload, qos, retain, properties, receivedAtMs, publisherId } = message;
  const wire = null;
  return { topic, payload, qos, retain, properties, receivedAtMs, publisherId, version, wire };
}

/** Absolute deadline in wall-clock milliseconds, or Infinity. */
export function expiresAtMs(message: ApplicationMessage): number {
  const interval = message.properties?.messageExpiryInterval;
  return interval === undefined ? Number.POSITIVE_INFINITY : message.receivedAtMs + interval * 1000;
}
