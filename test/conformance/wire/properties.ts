import { binary, join, text, u16, u32, variableByteInteger } from "./bytes.ts";
import { WireFault } from "./fault.ts";
import type { FieldReader } from "./field-reader.ts";

/** The properties of MQTT 5, table 2-4: number, kind of value, and the packets in which a server may send them. */

type Kind = "byte" | "u16" | "u32" | "variable" | "text" | "binary" | "pair";

const kinds = {
  payloadFormatIndicator: [1, "byte"],
  messageExpiryInterval: [2, "u32"],
  contentType: [3, "text"],
  responseTopic: [8, "text"],
  correlationData: [9, "binary"],
  subscriptionIdentifier: [11, "variable"],
  sessionExpiryInterval: [17, "u32"],
  assignedClientIdentifier: [18, "text"],
  serverKeepAlive: [19, "u16"],
  authenticationMethod: [21, "text"],
  authenticationData: [22, "binary"],
  requestProblemInformation: [23, "byte"],
  willDelayInterval: [24, "u32"],
  requestResponseInformation: [25, "byte"],
  responseInformation: [26, "text"],
  serverReference: [28, "text"],
  reasonString: [31, "text"],
  receiveMaximum: [33, "u16"],
  topicAliasMaximum: [34, "u16"],
  topicAlias: [35, "u16"],
  maximumQos: [36, "byte"],
  retainAvailable: [37, "byte"],
  userProperty: [38, "pair"],
  maximumPacketSize: [39, "u32"],
  wildcardSubscriptionAvailable: [40, "byte"],
  subscriptionIdentifierAvailable: [41, "byte"],
  sharedSubscriptionAvailable: [42, "byte"],
} as const satisfies Record<string, readonly [number, Kind]>;

export type PropertyName = keyof typeof kinds;
export type PropertyValue = number | string | Buffer | readonly [string | Buffer, string | Buffer];
/** In the order of the wire. */
export type Properties = readonly (readonly [PropertyName, PropertyValue])[];

const names = new Map<number, { readonly name: PropertyName; readonly kind: Kind }>(
  Object.entries(kinds).map(([name, [id, kind]]) => [id, { name: name as PropertyName, kind }]),
);

const always: readonly PropertyName[] = ["userProperty"];
const reason: readonly PropertyName[] = [...always, "reasonString"];

/** What a server may put into a packet of this type. */
const allowed = new Map<number, readonly PropertyName[]>([
  [
    2,
    [
      ...reason,
      "sessionExpiryInterval",
      "receiveMaximum",
      "maximumQos",
      "retainAvailable",
      "maximumPacketSize",
      "assignedClientIdentifier",
      "topicAliasMaximum",
      "wildcardSubscriptionAvailable",
      "subscriptionIdentifierAvailable",
      "sharedSubscriptionAvailable",
      "serverKeepAlive",
      "responseInformation",
      "serverReference",
      "authenticationMethod",
      "authenticationData",
    ],
  ],
  [
    3,
    [
      ...always,
      "payloadFormatIndicator",
      "messageExpiryInterval",
      "topicAlias",
      "responseTopic",
      "correlationData",
      "subscriptionIdentifier",
      "contentType",
    ],
  ],
  ...[4, 5, 6, 7, 9, 11].map((type) => [type, reason] as const),
  // [MQTT-3.14.2-2] Session Expiry Interval is the client's.
  [14, [...reason, "serverReference"]],
  [15, [...reason, "authenticationMethod", "authenticationData"]],
]);

export function writeProperty(name: PropertyName, value: PropertyValue): Buffer {
  const [id, kind] = kinds[name];
  switch (kind) {
    case "byte":
      return Buffer.from([id, value as number]);
    case "u16":
      return join(id, u16(value as number));
    case "u32":
      return join(id, u32(value as number));
    case "variable":
      return join(id, variableByteInteger(value as number));
    case "text":
      return join(id, text(value as string | Buffer));
    case "binary":
      return join(id, binary(value as Buffer));
    case "pair": {
      const [first, second] = value as readonly [string | Buffer, string | Buffer];
      return join(id, text(first), text(second));
    }
  }
}

/** Property Length and properties. */
export function writeProperties(properties: Properties): Buffer {
  const bytes = join(...properties.map(([name, value]) => writeProperty(name, value)));
  return join(variableByteInteger(bytes.length), bytes);
}

/** Reads what a server put into a packet; whatever may not be there is a fault. */
export function readProperties(reader: FieldReader, packetType: number): Properties {
  const sizeBytes = reader.variableByteInteger();
  const end = reader.remaining - sizeBytes;
  if (end < 0) throw new WireFault("the properties are longer than the packet");
  const properties: [PropertyName, PropertyValue][] = [];
  while (reader.remaining > end) {
    const id = reader.variableByteInteger();
    const known = names.get(id);
    if (known === undefined) throw new WireFault(`property ${id} does not exist`);
    const { name, kind } = known;
    if (allowed.get(packetType)?.includes(name) !== true) {
      throw new WireFault(`property ${name} from a server in packet type ${packetType}`);
    }
    const isRepeatable = name === "userProperty" || name === "subscriptionIdentifier";
    if (!isRepeatable && properties.some(([other]) => other === name)) {
      throw new WireFault(`property ${name} comes twice`);
    }
    properties.push([name, readValue(reader, kind)]);
  }
  if (reader.remaining !== end) throw new WireFault("a property is longer than the properties");
  return properties;
}

function readValue(reader: FieldReader, kind: Kind): PropertyValue {
  switch (kind) {
    case "byte":
      return reader.byte();
    case "u16":
      return reader.u16();
    case "u32":
      return reader.u32();
    case "variable":
      return reader.variableByteInteger();
    case "text":
      return reader.text();
    case "binary":
      return reader.binary();
    case "pair":
      return [reader.text(), reader.text()];
  }
}

/** The value of a property that comes once, or undefined. */
export function propertyOf(properties: Properties, name: PropertyName): PropertyValue | undefined {
  return properties.find(([other]) => other === name)?.[1];
}

/** All values of a property that may be repeated. */
export function propertiesOf(properties: Properties, name: PropertyName): PropertyValue[] {
  return properties.filter(([other]) => other === name).map(([, value]) => value);
}
