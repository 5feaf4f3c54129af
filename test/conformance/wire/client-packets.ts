import { binary, frame, join, type Piece, text, u16 } from "./bytes.ts";
import { type Properties, writeProperties } from "./properties.ts";
import type { Version } from "./server-packets.ts";

/** Packets as a client sends them. In 3.1.1 properties are left out. */

export interface ConnectFields {
  readonly clientId?: string | Buffer;
  /** Default true. */
  readonly clean?: boolean;
  readonly keepAliveSeconds?: number;
  readonly username?: string | Buffer;
  readonly password?: Buffer;
  readonly will?: WillFields;
  readonly properties?: Properties;
}

export interface WillFields {
  readonly topic: string | Buffer;
  readonly payload?: string | Buffer;
  readonly qos?: number;
  readonly retain?: boolean;
  readonly properties?: Properties;
}

export interface PublishFields {
  readonly topic: string | Buffer;
  readonly payload?: string | Buffer;
  readonly qos?: number;
  readonly retain?: boolean;
  readonly dup?: boolean;
  readonly packetId?: number;
  readonly properties?: Properties;
}

/** A filter and its options byte; in MQTT 5 the options are QoS, 4 no local, 8 retain as published, 16 and 32 retain handling. */
export type FilterRequest = readonly [filter: string | Buffer, options: number];

export function connect(version: Version, fields: ConnectFields): Buffer {
  const { clientId = "", clean = true, keepAliveSeconds = 0, username, password, will } = fields;
  const flags =
    (clean ? 2 : 0) |
    (will === undefined ? 0 : 4 | ((will.qos ?? 0) << 3) | (will.retain === true ? 32 : 0)) |
    (password === undefined ? 0 : 64) |
    (username === undefined ? 0 : 128);
  return frame(
    0x10,
    text("MQTT"),
    version,
    flags,
    u16(keepAliveSeconds),
    propertyPart(version, fields.properties),
    text(clientId),
    will === undefined ? [] : willPart(version, will),
    username === undefined ? [] : text(username),
    password === undefined ? [] : binary(password),
  );
}

function willPart(version: Version, will: WillFields): Piece {
  return [
    propertyPart(version, will.properties),
    text(will.topic),
    binary(Buffer.from(will.payload ?? "")),
  ];
}

export function publish(version: Version, fields: PublishFields): Buffer {
  const { topic, payload = "", qos = 0, retain = false, dup = false, packetId = 0 } = fields;
  return frame(
    0x30 | (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0),
    text(topic),
    qos > 0 ? u16(packetId) : [],
    propertyPart(version, fields.properties),
    Buffer.from(payload),
  );
}

/** PUBACK, PUBREC, PUBREL or PUBCOMP; the reason code is left out when it is 0. */
export function ack(type: 4 | 5 | 6 | 7, packetId: number, code = 0): Buffer {
  const firstByte = (type << 4) | (type === 6 ? 2 : 0);
  return frame(firstByte, u16(packetId), code === 0 ? [] : [code]);
}

export function subscribe(
  version: Version,
  packetId: number,
  filters: readonly FilterRequest[],
  properties: Properties = [],
): Buffer {
  return frame(
    0x82,
    u16(packetId),
    propertyPart(version, properties),
    filters.map(([filter, options]) => join(text(filter), options)),
  );
}

export function unsubscribe(
  version: Version,
  packetId: number,
  filters: readonly (string | Buffer)[],
): Buffer {
  return frame(0xa2, u16(packetId), propertyPart(version, []), filters.map(text));
}

export const pingreq = frame(0xc0);

export function disconnect(version: Version, code = 0, properties: Properties = []): Buffer {
  if (version === 4 || (code === 0 && properties.length === 0)) return frame(0xe0);
  return frame(0xe0, code, writeProperties(properties));
}

export function auth(code: number, properties: Properties): Buffer {
  return frame(0xf0, code, writeProperties(properties));
}

function propertyPart(version: Version, properties: Properties = []): Piece {
  return version === 5 ? writeProperties(properties) : [];
}
