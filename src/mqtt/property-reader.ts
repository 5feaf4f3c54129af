import type { Cursor } from "./cursor.ts";
import { MqttError, malformed, protocolError } from "./errors.ts";
import { PacketType } from "./packet-type.ts";
import { type PropertyDefinition, propertyById } from "./property-table.ts";
import { ReasonCode } from "./reason-code.ts";

type Properties = Record<string, unknown>;

/**
 * Reads the property length and the properties of a packet from a client (MQTT 5, section 2.2.2),
 * with every rule that holds for one property by itself. Binary values are copies.
 * @param packetType as in the fixed header, or WILL_PROPERTIES
 * @returns null when there are none
 * @throws MqttError 0x81, 0x82 or 0x94
 */
export function readProperties(cursor: Cursor, packetType: number): Properties | null {
  const sizeBytes = cursor.readVariableByteInteger();
  if (sizeBytes === 0) return null;
  const end = cursor.narrow(sizeBytes);
  const properties: Properties = {};
  while (cursor.remaining > 0) readProperty(cursor, packetType, properties);
  cursor.widen(end);
  if (properties["authenticationData"] !== undefined) {
    // Section 3.1.2.11.10: data without a method is a protocol error.
    if (properties["authenticationMethod"] === undefined) {
      throw protocolError("authentication data without an authentication method");
    }
  }
  return properties;
}

function readProperty(cursor: Cursor, packetType: number, properties: Properties): void {
  const id = cursor.readByte();
  const definition = propertyById(id);
  if (definition === undefined) throw malformed(`property ${id} does not exist`);
  const { name } = definition;
  if ((definition.allowedIn & (1 << packetType)) === 0) {
    throw malformed(`property ${name} is not allowed in this packet`);
  }
  if (definition.type === "pair") {
    const key = cursor.readString();
    addUserProperty(properties, key, cursor.readString());
    return;
  }
  // Section 2.2.2.2: all but the User Property may be included once only.
  if (properties[name] !== undefined) throw protocolError(`property ${name} appears twice`);
  const value = readValue(cursor, definition);
  checkValue(name, value, packetType);
  properties[name] = value;
}

function readValue(cursor: Cursor, definition: PropertyDefinition): unknown {
  switch (definition.type) {
    case "flag":
      return readFlag(cursor, definition.name);
    case "byte":
      return cursor.readByte();
    case "uint16":
      return cursor.readUint16();
    case "uint32":
      return cursor.readUint32();
    case "variable":
      return cursor.readVariableByteInteger();
    case "string":
      return cursor.readString();
    case "binary":
      // A copy: few and small, and they would keep the whole chunk alive.
      return Buffer.from(cursor.readBinary());
    case "pair":
      return undefined;
  }
}

function readFlag(cursor: Cursor, name: string): boolean {
  const byte = cursor.readByte();
  if (byte > 1) throw protocolError(`property ${name} is neither 0 nor 1`);
  return byte === 1;
}

/** A list, because a record would put "2" before "10" and all values of a name together [MQTT-3.3.2-18]. */
function addUserProperty(properties: Properties, name: string, value: string): void {
  const pairs = properties["userProperties"] as [string, string][] | undefined;
  if (pairs === undefined) properties["userProperties"] = [[name, value]];
  else pairs.push([name, value]);
}

function checkValue(name: string, value: unknown, packetType: number): void {
  switch (name) {
    case "receiveMaximum":
    case "maximumPacketSize":
      if (value === 0) throw protocolError(`property ${name} is 0`);
      return;
    case "subscriptionIdentifier":
      // [MQTT-3.3.4-6] Only a server puts it into a PUBLISH.
      if (packetType === PacketType.publish) {
        throw protocolError("PUBLISH from a client with a subscription identifier");
      }
      // Section 3.8.2.1.2
      if (value === 0) throw protocolError("subscription identifier 0");
      return;
    case "topicAlias":
      // [MQTT-3.3.2-8]
      if (value === 0) throw new MqttError(ReasonCode.topicAliasInvalid, "topic alias 0");
      return;
    case "responseTopic":
      // [MQTT-3.3.2-14]
      if (/[+#]/.test(value as string)) throw protocolError("response topic with a wildcard");
      return;
    default:
  }
}
