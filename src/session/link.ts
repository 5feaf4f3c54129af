import type { ConnectPacket, ProtocolVersion } from "../mqtt/packets.ts";
import type { SessionEffects, SessionLimits } from "./session-api.ts";
import { InboundAliases, noInboundAliases, OutboundAliases } from "./topic-aliases.ts";

/** What holds for one connection of a session, and ends with it. */
export interface Link {
  readonly effects: SessionEffects;
  readonly version: ProtocolVersion;
  /** PUBLISHes at QoS > 0 that may be unacknowledged towards the client. */
  readonly sendWindow: number;
  /** PUBLISHes at QoS > 0 that the client may have unacknowledged. */
  readonly receiveMaximum: number;
  /** Infinity when the client named none. */
  readonly maximumPacketSizeBytes: number;
  /** Of the CONNECT; null without enhanced authentication. */
  readonly authenticationMethod: string | null;
  readonly inboundAliases: InboundAliases;
  /** null when the client takes none. */
  readonly outboundAliases: OutboundAliases | null;
}

/** There are 65,535 packet identifiers, and so never more exchanges in one direction. */
export const PACKET_IDS_MAX = 65_535;

export function createLink(
  connect: ConnectPacket,
  effects: SessionEffects,
  limits: SessionLimits,
): Link {
  const version = connect.protocolVersion;
  const properties = version === 5 ? connect.properties : undefined;
  // [MQTT-3.1.2-26] and [MQTT-3.1.2-27]: 0 when absent.
  const aliases = Math.min(properties?.topicAliasMaximum ?? 0, limits.outboundTopicAliasMax);
  return {
    effects,
    version,
    // [MQTT-4.9.0-1] and section 3.1.2.11.3: 65,535 when absent. What we would take is also the most that we send.
    sendWindow: Math.min(properties?.receiveMaximum ?? PACKET_IDS_MAX, limits.receiveMaximum),
    // 3.1.1 has no word for a limit, so only the packet identifiers bound it.
    receiveMaximum: version === 5 ? limits.receiveMaximum : PACKET_IDS_MAX,
    maximumPacketSizeBytes: properties?.maximumPacketSize ?? Number.POSITIVE_INFINITY,
    authenticationMethod: properties?.authenticationMethod ?? null,
    inboundAliases: version === 5 ? new InboundAliases(limits.topicAliasMaximum) : noInboundAliases,
    outboundAliases: aliases > 0 ? new OutboundAliases(aliases) : null,
  };
}
