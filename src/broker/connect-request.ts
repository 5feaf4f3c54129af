import { randomUUID } from "node:crypto";
import { encodePacket } from "../mqtt/encoder.ts";
import type { ConnackProperties, ConnectPacket } from "../mqtt/packets.ts";
import { ReasonCode } from "../mqtt/reason-code.ts";
import { topicNameProblem } from "../mqtt/topic.ts";
import type { BrokerLimits } from "./limits.ts";

/** A CONNECT that is acceptable as such, with what the server decided about it. */
export interface ConnectRequest {
  /** With the capped session expiry interval, as the session takes it. */
  readonly packet: ConnectPacket;
  readonly clientId: string;
  readonly isClientIdAssigned: boolean;
  readonly expirySeconds: number;
  readonly keepAliveSeconds: number;
  /** What MQTT 5 clients are told; undefined for older ones. */
  readonly connackProperties: ConnackProperties | undefined;
}

/** Checks what needs no look at the world; answers the request, or the reason code of the refusal. */
export function readConnect(packet: ConnectPacket, limits: BrokerLimits): ConnectRequest | number {
  const isMqtt5 = packet.protocolVersion === 5;
  if (packet.clientId === "" && !isMqtt5 && !packet.clean) {
    return ReasonCode.clientIdentifierNotValid; // [MQTT-3.1.3-8] of 3.1.1
  }
  if (packet.will && topicNameProblem(packet.will.topic) !== null) {
    return ReasonCode.topicNameInvalid;
  }
  // [MQTT-3.1.3-6] and [MQTT-3.2.2-16]
  const isClientIdAssigned = packet.clientId === "";
  const clientId = isClientIdAssigned ? `flockmq-${randomUUID()}` : packet.clientId;
  const wantedExpiry = isMqtt5
    ? (packet.properties?.sessionExpiryInterval ?? 0)
    : packet.clean
      ? 0
      : 0xffffffff;
  const expirySeconds = Math.min(wantedExpiry, limits.sessionExpirySecondsMax);
  // Keep alive 0 of 3.1.1 stays off: such a client cannot be told otherwise.
  const cap = limits.keepAliveSecondsMax;
  const isAboveCap = cap > 0 && (packet.keepalive === 0 || packet.keepalive > cap);
  const isCapped = isMqtt5 && isAboveCap;
  const keepAliveSeconds = isCapped ? cap : packet.keepalive;
  const attached: ConnectPacket = isMqtt5
    ? {
        ...packet,
        clientId,
        properties: { ...packet.properties, sessionExpiryInterval: expirySeconds },
      }
    : { ...packet, clientId };
  const connackProperties: ConnackProperties | undefined = isMqtt5
    ? {
        receiveMaximum: limits.session.receiveMaximum,
        maximumPacketSize: limits.maximumPacketSizeBytes,
        topicAliasMaximum: limits.session.topicAliasMaximum,
        ...(expirySeconds === wantedExpiry ? {} : { sessionExpiryInterval: expirySeconds }),
        ...(isClientIdAssigned ? { assignedClientIdentifier: clientId } : {}),
        ...(isCapped ? { serverKeepAlive: cap } : {}),
      }
    : undefined;
  if (!canBeTold(packet, connackProperties)) return ReasonCode.packetTooLarge;
  return {
    packet: attached,
    clientId,
    isClientIdAssigned,
    expirySeconds,
    keepAliveSeconds,
    connackProperties,
  };
}

/** With what the CONNACK says of an enhanced authentication [MQTT-4.12.0-5]; the reason code of the refusal when it then is too large. */
export function withAuthentication(
  request: ConnectRequest,
  method: string,
  data: Buffer | null,
): ConnectRequest | number {
  const connackProperties = {
    ...request.connackProperties,
    authenticationMethod: method,
    ...(data === null ? {} : { authenticationData: data }),
  };
  if (!canBeTold(request.packet, connackProperties)) return ReasonCode.packetTooLarge;
  return { ...request, connackProperties };
}

/** [MQTT-3.1.2-24] Does the CONNACK fit into what the client takes? */
function canBeTold(packet: ConnectPacket, properties: ConnackProperties | undefined): boolean {
  const limit = packet.properties?.maximumPacketSize;
  if (limit === undefined || properties === undefined) return true;
  const connack = { cmd: "connack", reasonCode: 0, sessionPresent: false, properties } as const;
  return encodePacket(connack, 5).length <= limit;
}
