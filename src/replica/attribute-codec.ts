import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";

export interface AttributeRecord {
  readonly value: unknown;
  readonly version: number;
  readonly timeMs: number;
  readonly source: string;
  /** The node that took the message in; empty in records of versions that did not keep it. */
  readonly node: string;
  /** Log time at which the attribute goes; Infinity = never. */
  readonly expiresAtMs: number;
}

export interface EncodedAttribute {
  readonly record: Buffer;
  /** The value as JSON. */
  readonly text: string;
  /** UTF-8 size of the value alone. */
  readonly valueSizeBytes: number;
}

/**
 * One record of device state: version, time, source, the value as JSON, the node, and when it goes, if it does. `text` is the value as
 * JSON, for who has it; `writer` one that records are cut from.
 */
export function encodeAttribute(
  attribute: AttributeRecord,
  text: string = JSON.stringify(attribute.value),
  writer: ByteWriter = new ByteWriter(),
): EncodedAttribute {
  writer.number(attribute.version);
  writer.number(attribute.timeMs);
  writer.string(attribute.source);
  writer.string(text);
  writer.string(attribute.node);
  if (attribute.expiresAtMs !== Infinity) writer.number(attribute.expiresAtMs);
  return { record: writer.cut(), text, valueSizeBytes: Buffer.byteLength(text) };
}

/** Null when the bytes are no such record. */
export function decodeAttribute(bytes: Uint8Array): AttributeRecord | null {
  const reader = new ByteReader(bytes);
  const version = reader.number();
  const timeMs = reader.number();
  const source = reader.string();
  const text = reader.string();
  const node = reader.isAtEnd ? "" : reader.string();
  const expiresAtMs = reader.isAtEnd ? Infinity : reader.number();
  if (!reader.isSound || !reader.isAtEnd) {
    return null;
  }
  try {
    const value: unknown = JSON.parse(text);
    return { value, version, timeMs, source, node, expiresAtMs };
  } catch {
    return null;
  }
}
