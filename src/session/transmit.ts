import { publishSizeBytes } from "../mqtt/encoder.ts";
import { type ApplicationMessage, expiresAtMs } from "../mqtt/message.ts";
import type { Qos } from "../mqtt/packets.ts";
import type { PassingMessage, PassingPublish } from "../mqtt/passing-message.ts";
import type { Link } from "./link.ts";
import type { DeliveryOptions, OutboundPublish } from "./session-api.ts";

/** What of a delivery does not depend on the connection. */
export interface Delivery {
  readonly message: ApplicationMessage;
  readonly qos: Qos;
  readonly retain: boolean;
  readonly identifiers: readonly number[];
  readonly packetId: number;
}

/** The alias depends on what the connection has sent so far. */
type Addressed = Omit<OutboundPublish, AliasField> & Pick<PassingPublish, AliasField>;
type AliasField = "topicAlias" | "isTopicOmitted";

/**
 * Sends one PUBLISH, with a topic alias where the client takes them.
 * @returns false, with nothing sent, when it is larger than the client accepts [MQTT-3.1.2-24]
 */
export function transmit(link: Link, delivery: Delivery, dup: boolean, nowMs: number): boolean {
  const { message, qos, retain, identifiers, packetId } = delivery;
  return send(link, {
    message,
    qos,
    // [MQTT-3.3.1-2] and [MQTT-3.3.1-3]
    dup: dup && qos > 0,
    retain,
    packetId,
    identifiers,
    topicAlias: 0,
    isTopicOmitted: false,
    expirySecondsLeft: expirySecondsLeft(message, nowMs),
  });
}

/** The same for a message that passes: what is sent to all its subscribers is one object. */
export function pass(link: Link, message: PassingMessage, options: DeliveryOptions): boolean {
  const { outbound } = message;
  outbound.retain = options.retain;
  outbound.identifiers = options.identifiers;
  return send(link, outbound);
}

function send(link: Link, publish: Addressed): boolean {
  const aliases = link.outboundAliases;
  const { topic } = publish.message;
  const known = aliases === null ? 0 : aliases.known(topic);
  const isNew = aliases !== null && known === 0;
  publish.topicAlias = isNew ? aliases.next : known;
  publish.isTopicOmitted = known > 0;
  if (link.maximumPacketSizeBytes !== Number.POSITIVE_INFINITY) {
    if (publishSizeBytes(publish, link.version) > link.maximumPacketSizeBytes) return false;
  }
  if (isNew && publish.topicAlias > 0) aliases.assign(topic);
  link.effects.sendPublish(publish);
  return true;
}

/**
 * [MQTT-3.3.2-6] The interval received, less the whole seconds that the message has waited here; -1
 * = none.
 */
function expirySecondsLeft(message: ApplicationMessage, nowMs: number): number {
  if (message.properties?.messageExpiryInterval === undefined) return -1;
  return Math.max(0, Math.ceil((expiresAtMs(message) - nowMs) / 1000));
}
