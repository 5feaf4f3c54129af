import { WireFault } from "./fault.ts";
import { FieldReader } from "./field-reader.ts";
import { type Properties, readProperties } from "./properties.ts";

export type Version = 4 | 5;

/** Packets as a server sends them. In 3.1.1 `properties` is empty, and so is the reason where there is none. */
export type ServerPacket =
  | Connack
  | Publish
  | Ack
  | SubscribeAck
  | { readonly type: "pingresp" }
  | Disconnect
  | Auth;

export interface Connack {
  readonly type: "connack";
  readonly flags: number;
  readonly sessionPresent: boolean;
  readonly code: number;
  readonly properties: Properties;
}

export interface Publish {
  readonly type: "publish";
  readonly qos: number;
  readonly dup: boolean;
  readonly retain: boolean;
  readonly topic: string;
  /** 0 at QoS 0. */
  readonly packetId: number;
  readonly payload: Buffer;
  readonly properties: Properties;
}

export interface Ack {
  readonly type: "puback" | "pubrec" | "pubrel" | "pubcomp";
  readonly packetId: number;
  readonly code: number;
  readonly properties: Properties;
}

export interface SubscribeAck {
  readonly type: "suback" | "unsuback";
  readonly packetId: number;
  /** None in an UNSUBACK of 3.1.1. */
  readonly codes: readonly number[];
  readonly properties: Properties;
}

export interface Disconnect {
  readonly type: "disconnect";
  readonly code: number;
  readonly properties: Properties;
}

export interface Auth {
  readonly type: "auth";
  readonly code: number;
  readonly properties: Properties;
}

const ackTypes = ["puback", "pubrec", "pubrel", "pubcomp"] as const;

/** "MUST use one of": reason codes by packet type, as sections 3.2.2.2, 3.4.2.1 and following list them for servers. */
const codes5 = new Map<number, readonly number[]>([
  [
    2,
    [
      0, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97,
      0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9f,
    ],
  ],
  [4, [0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]],
  [5, [0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]],
  [6, [0, 0x92]],
  [7, [0, 0x92]],
  [9, [0, 1, 2, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2]],
  [11, [0, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91]],
  [
    14,
    [
      0, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96,
      0x97, 0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
    ],
  ],
  [15, [0, 0x18]],
]);

/** Reads one whole packet; everything that a server must not send is a fault. */
export function readServerPacket(firstByte: number, body: Buffer, version: Version): ServerPacket {
  const type = firstByte >> 4;
  const reader = new FieldReader(body);
  if (type === 3) return readPublish(firstByte, reader, version);
  // [MQTT-2.1.3-1] and [MQTT-3.6.1-1]
  if ((firstByte & 0x0f) !== (type === 6 ? 2 : 0)) {
    throw new WireFault(`flags ${firstByte & 0x0f} in packet type ${type}`);
  }
  switch (type) {
    case 2:
      return readConnack(reader, version);
    case 4:
    case 5:
    case 6:
    case 7:
      return readAck(type, reader, version);
    case 9:
    case 11:
      return readSubscribeAck(type, reader, version);
    case 13:
      reader.expectEnd();
      return { type: "pingresp" };
    case 14:
      if (version === 5) return readDisconnect(reader);
      throw new WireFault("DISCONNECT from a server of MQTT 3.1.1");
    case 15:
      if (version === 5) return readAuth(reader);
      throw new WireFault("AUTH from a server of MQTT 3.1.1");
    default:
      throw new WireFault(`packet type ${type} from a server`);
  }
}

function readConnack(reader: FieldReader, version: Version): Connack {
  const flags = reader.byte();
  const code = reader.byte();
  const properties = version === 5 ? readProperties(reader, 2) : [];
  reader.expectEnd();
  // [MQTT-3.2.2-1]
  if (flags > 1) throw new WireFault(`CONNACK with flags ${flags}`);
  if (version === 4 && code > 5) throw new WireFault(`CONNACK with return code ${code}`);
  if (version === 5) checkCode(2, code);
  // [MQTT-3.2.2-6]
  if (code !== 0 && flags !== 0) throw new WireFault("session present in a refusal");
  return { type: "connack", flags, sessionPresent: flags === 1, code, properties };
}

function readAuth(reader: FieldReader): Auth {
  const code = reader.byte();
  const properties = readProperties(reader, 15);
  reader.expectEnd();
  checkCode(15, code);
  return { type: "auth", code, properties };
}

function readPublish(firstByte: number, reader: FieldReader, version: Version): Publish {
  const qos = (firstByte >> 1) & 3;
  const dup = (firstByte & 8) !== 0;
  // [MQTT-3.3.1-4] and [MQTT-3.3.1-2]
  if (qos === 3) throw new WireFault("PUBLISH with QoS 3");
  if (qos === 0 && dup) throw new WireFault("PUBLISH with DUP at QoS 0");
  const topic = reader.text();
  // [MQTT-3.3.2-2]
  if (/[+#]/.test(topic)) throw new WireFault(`PUBLISH to ${topic}`);
  const packetId = qos > 0 ? readPacketId(reader) : 0;
  const properties = version === 5 ? readProperties(reader, 3) : [];
  const hasAlias = properties.some(([name]) => name === "topicAlias");
  if (topic === "" && !hasAlias) throw new WireFault("PUBLISH without a topic");
  const retain = (firstByte & 1) !== 0;
  return { type: "publish", qos, dup, retain, topic, packetId, payload: reader.rest(), properties };
}

function readAck(type: number, reader: FieldReader, version: Version): Ack {
  const packetId = readPacketId(reader);
  const code = version === 5 && reader.remaining > 0 ? reader.byte() : 0;
  const properties = version === 5 && reader.remaining > 0 ? readProperties(reader, type) : [];
  reader.expectEnd();
  checkCode(type, code);
  return { type: ackTypes[type - 4]!, packetId, code, properties };
}

function readSubscribeAck(type: number, reader: FieldReader, version: Version): SubscribeAck {
  const packetId = readPacketId(reader);
  const properties = version === 5 ? readProperties(reader, type) : [];
  const codes = [...reader.rest()];
  const isUnsuback = type === 11;
  if (version === 4 && isUnsuback && codes.length > 0) throw new WireFault("UNSUBACK with codes");
  for (const code of codes) {
    if (version === 5) checkCode(type, code);
    // [MQTT-3.9.3-2] of 3.1.1
    else if (![0, 1, 2, 0x80].includes(code)) throw new WireFault(`SUBACK with ${code}`);
  }
  return { type: isUnsuback ? "unsuback" : "suback", packetId, codes, properties };
}

function readDisconnect(reader: FieldReader): Disconnect {
  const code = reader.remaining > 0 ? reader.byte() : 0;
  const properties = reader.remaining > 0 ? readProperties(reader, 14) : [];
  reader.expectEnd();
  checkCode(14, code);
  return { type: "disconnect", code, properties };
}

function readPacketId(reader: FieldReader): number {
  const packetId = reader.u16();
  if (packetId === 0) throw new WireFault("packet identifier 0");
  return packetId;
}

function checkCode(type: number, code: number): void {
  if (codes5.get(type)?.includes(code) === true) return;
  throw new WireFault(`reason code 0x${code.toString(16)} in packet type ${type}`);
}
