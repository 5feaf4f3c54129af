import type { AttributeState } from "../api/ports.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";

export type AttributeRecord = AttributeState;

export interface EncodedAttribute {
  readonly record: Buffer;
  /** UTF-8 size of the value alone. */
  readonly valueSizeBytes: number;
}

/** One record of device state: version, time, source, and the value as JSON. */
export function encodeAttribute(attribute: AttributeRecord): EncodedAttribute {
  const writer = new ByteWriter();
  writer.number(attribute.version);
  writer.number(attribute.timeMs);
  writer.string(attribute.source);
  const value = JSON.stringify(attribute.value);
  writer.string(value);
  return { record: writer.finish(), valueSizeBytes: Buffer.byteLength(value) };
}

/** Null when the bytes are no such record. */
export function decodeAttribute(bytes: Uint8Array): AttributeRecord | null {
  const reader = new ByteReader(bytes);
  const version = reader.number();
  const timeMs = reader.number();
  const source = reader.string();
  const text = reader.string();
  if (!reader.isSound || !reader.isAtEnd) {
    return null;
  }
  try {
    const value: unknown = JSON.parse(text);
    return { value, version, timeMs, source };
  } catch {
    return null;
  }
}
