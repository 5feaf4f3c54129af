/**
 * MQTT control packets as the broker sees them, for 3.1, 3.1.1 and 5.0 alike. Field names and shapes follow the
 * mqtt-packet library, which is the reference codec, so that no object is rebuilt on the way in or out; user properties excepted, whose order a record would not keep.
 */

export type Qos = 0 | 1 | 2;
export type ProtocolVersion = 3 | 4 | 5;

/** Name and value, in the order of the packet; a name may come more than once [MQTT-3.3.2-18]. */
export type UserProperties = readonly (readonly [name: string, value: string])[];

export interface PublishProperties {
  payloadFormatIndicator?: boolean;
  messageExpiryInterval?: number;
  topicAlias?: number;
  responseTopic?: string;
  correlationData?: Buffer;
  userProperties?: UserProperties;
  subscriptionIdentifier?: number | number[];
  contentType?: string;
}

export interface WillProperties {
  willDelayInterval?: number;
  payloadFormatIndicator?: boolean;
  messageExpiryInterval?: number;
  contentType?: string;
  responseTopic?: string;
  correlationData?: Buffer;
  userProperties?: UserProperties;
}

export interface ConnectProperties {
  sessionExpiryInterval?: number;
  receiveMaximum?: number;
  maximumPacketSize?: number;
  topicAliasMaximum?: number;
  requestResponseInformation?: boolean;
  requestProblemInformation?: boolean;
  userProperties?: UserProperties;
  authenticationMethod?: string;
  authenticationData?: Buffer;
}

export interface Will {
  topic: string;
  payload: Buffer;
  qos: Qos;
  retain: boolean;
  properties?: WillProperties;
}

export interface ConnectPacket {
  cmd: "connect";
  protocolId: "MQTT" | "MQIsdp";
  protocolVersion: ProtocolVersion;
  clean: boolean;
  clientId: string;
  /** Seconds; 0 = off. */
  keepalive: number;
  username?: string;
  password?: Buffer;
  will?: Will;
  properties?: ConnectProperties;
}

export interface ConnackProperties {
  sessionExpiryInterval?: number;
  receiveMaximum?: number;
  maximumQoS?: number;
  retainAvailable?: boolean;
  maximumPacketSize?: number;
  assignedClientIdentifier?: string;
  topicAliasMaximum?: number;
  reasonString?: string;
  userProperties?: UserProperties;
  wildcardSubscriptionAvailable?: boolean;
  subscriptionIdentifiersAvailable?: boolean;
  sharedSubscriptionAvailable?: boolean;
  serverKeepAlive?: number;
  responseInformation?: string;
  serverReference?: string;
  authenticationMethod?: string;
  authenticationData?: Buffer;
}

export interface ConnackPacket {
  cmd: "connack";
  /** The MQTT 5 reason code; the codec maps it to the 3.1.1 return code. */
  reasonCode: number;
  sessionPresent: boolean;
  properties?: ConnackProperties;
}

export interface PublishPacket {
  cmd: "publish";
  topic: string;
  payload: Buffer;
  qos: Qos;
  dup: boolean;
  retain: boolean;
  messageId?: number | undefined;
  properties?: PublishProperties | undefined;
}

export interface AckProperties {
  reasonString?: string;
  userProperties?: UserProperties;
}

export interface AckPacket {
  cmd: "puback" | "pubrec" | "pubrel" | "pubcomp";
  messageId: number;
  /** 0 when absent on the wire. */
  reasonCode: number;
  properties?: AckProperties;
}

export interface SubscriptionRequest {
  topic: string;
  qos: Qos;
  /** No Local. */
  nl: boolean;
  /** Retain As Published. */
  rap: boolean;
  /** Retain Handling. */
  rh: 0 | 1 | 2;
}

export interface SubscribePacket {
  cmd: "subscribe";
  messageId: number;
  subscriptions: SubscriptionRequest[];
  properties?: { subscriptionIdentifier?: number; userProperties?: UserProperties };
}

export interface SubackPacket {
  cmd: "suback";
  messageId: number;
  granted: number[];
  properties?: AckProperties;
}

export interface UnsubscribePacket {
  cmd: "unsubscribe";
  messageId: number;
  unsubscriptions: string[];
  properties?: { userProperties?: UserProperties };
}

export interface UnsubackPacket {
  cmd: "unsuback";
  messageId: number;
  granted: number[];
  properties?: AckProperties;
}

export interface PingreqPacket {
  cmd: "pingreq";
}

export interface PingrespPacket {
  cmd: "pingresp";
}

export interface DisconnectProperties {
  sessionExpiryInterval?: number;
  reasonString?: string;
  userProperties?: UserProperties;
  serverReference?: string;
}

export interface DisconnectPacket {
  cmd: "disconnect";
  reasonCode: number;
  properties?: DisconnectProperties;
}

export interface AuthPacket {
  cmd: "auth";
  reasonCode: number;
  properties?: {
    authenticationMethod?: string;
    authenticationData?: Buffer;
    reasonString?: string;
    userProperties?: UserProperties;
  };
}

export type InboundPacket =
  | ConnectPacket
  | PublishPacket
  | AckPacket
  | SubscribePacket
  | UnsubscribePacket
  | PingreqPacket
  | DisconnectPacket
  | AuthPacket;

export type OutboundPacket =
  | ConnackPacket
  | PublishPacket
  | AckPacket
  | SubackPacket
  | UnsubackPacket
  | PingrespPacket
  | DisconnectPacket
  | AuthPacket;
