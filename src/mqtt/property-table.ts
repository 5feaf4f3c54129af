/**
 * The properties of MQTT 5, section 2.2.2.2: identifier, name as in mqtt-packet, type and where
 * each is allowed.
 */

export type PropertyType =
  | "flag"
  | "byte"
  | "uint16"
  | "uint32"
  | "variable"
  | "string"
  | "binary"
  | "pair";

export interface PropertyDefinition {
  readonly id: number;
  readonly name: string;
  readonly type: PropertyType;
  /**
   * Bit n is set when packet type n may carry it; bit 0 stands for the Will Properties inside
   * CONNECT.
   */
  readonly allowedIn: number;
}

/** In place of a packet type: the Will Properties. */
export const WILL_PROPERTIES = 0;

const WILL = 1 << WILL_PROPERTIES;
const CONNECT = 1 << 1;
const CONNACK = 1 << 2;
const PUBLISH = 1 << 3;
const ACKS = (1 << 4) | (1 << 5) | (1 << 6) | (1 << 7);
const SUBSCRIBE = 1 << 8;
const SUBACKS = (1 << 9) | (1 << 11);
const UNSUBSCRIBE = 1 << 10;
const DISCONNECT = 1 << 14;
const AUTH = 1 << 15;
const EVERY =
  WILL | CONNECT | CONNACK | PUBLISH | ACKS | SUBSCRIBE | SUBACKS | UNSUBSCRIBE | DISCONNECT | AUTH;

const DEFINITIONS: readonly PropertyDefinition[] = [
  define(1, "payloadFormatIndicator", "flag", PUBLISH | WILL),
  define(2, "messageExpiryInterval", "uint32", PUBLISH | WILL),
  define(3, "contentType", "string", PUBLISH | WILL),
  define(8, "responseTopic", "string", PUBLISH | WILL),
  define(9, "correlationData", "binary", PUBLISH | WILL),
  define(11, "subscriptionIdentifier", "variable", PUBLISH | SUBSCRIBE),
  define(17, "sessionExpiryInterval", "uint32", CONNECT | CONNACK | DISCONNECT),
  define(18, "assignedClientIdentifier", "string", CONNACK),
  define(19, "serverKeepAlive", "uint16", CONNACK),
  define(21, "authenticationMethod", "string", CONNECT | CONNACK | AUTH),
  define(22, "authenticationData", "binary", CONNECT | CONNACK | AUTH),
  define(23, "requestProblemInformation", "flag", CONNECT),
  define(24, "willDelayInterval", "uint32", WILL),
  define(25, "requestResponseInformation", "flag", CONNECT),
  define(26, "responseInformation", "string", CONNACK),
  define(28, "serverReference", "string", CONNACK | DISCONNECT),
  define(31, "reasonString", "string", CONNACK | ACKS | SUBACKS | DISCONNECT | AUTH),
  define(33, "receiveMaximum", "uint16", CONNECT | CONNACK),
  define(34, "topicAliasMaximum", "uint16", CONNECT | CONNACK),
  define(35, "topicAlias", "uint16", PUBLISH),
  define(36, "maximumQoS", "byte", CONNACK),
  define(37, "retainAvailable", "flag", CONNACK),
  define(38, "userProperties", "pair", EVERY),
  define(39, "maximumPacketSize", "uint32", CONNECT | CONNACK),
  define(40, "wildcardSubscriptionAvailable", "flag", CONNACK),
  define(41, "subscriptionIdentifiersAvailable", "flag", CONNACK),
  define(42, "sharedSubscriptionAvailable", "flag", CONNACK),
];

function define(
  id: number,
  name: string,
  type: PropertyType,
  allowedIn: number,
): PropertyDefinition {
  return { id, name, type, allowedIn };
}

const BY_ID: readonly (PropertyDefinition | undefined)[] = indexById();

function indexById(): (PropertyDefinition | undefined)[] {
  const table = new Array<PropertyDefinition | undefined>(256).fill(undefined);
  for (const definition of DEFINITIONS) table[definition.id] = definition;
  return table;
}

export function propertyById(id: number): PropertyDefinition | undefined {
  return BY_ID[id];
}
