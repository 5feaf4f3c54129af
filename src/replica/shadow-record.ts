import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { RecordHash } from "./digest.ts";
import { isJsonObject } from "./state-value.ts";

/** What a device is to be; what it is stands in its attributes. */
export interface Shadow {
  /** Of the last change through the shadow, of either section. */
  readonly version: number;
  readonly timeMs: number;
  readonly source: string;
  readonly desired: Readonly<Record<string, unknown>>;
  /** Log time of the last change of each field of `desired`. */
  readonly timesMs: Readonly<Record<string, number>>;
  readonly hash: RecordHash;
}

export function encodeShadow(shadow: Omit<Shadow, "hash">): {
  readonly record: Buffer;
  readonly desiredSizeBytes: number;
} {
  const writer = new ByteWriter();
  writer.number(shadow.version);
  writer.number(shadow.timeMs);
  writer.string(shadow.source);
  const desired = JSON.stringify(shadow.desired);
  writer.string(desired);
  writer.string(JSON.stringify(shadow.timesMs));
  return { record: writer.finish(), desiredSizeBytes: Buffer.byteLength(desired) };
}

/** Null when the bytes are no such record. */
export function decodeShadow(bytes: Uint8Array): Omit<Shadow, "hash"> | null {
  const reader = new ByteReader(bytes);
  const version = reader.number();
  const timeMs = reader.number();
  const source = reader.string();
  const desiredText = reader.string();
  const timesText = reader.string();
  if (!reader.isSound || !reader.isAtEnd) return null;
  try {
    const desired: unknown = JSON.parse(desiredText);
    const timesMs: unknown = JSON.parse(timesText);
    if (!isJsonObject(desired) || !isJsonObject(timesMs)) return null;
    return { version, timeMs, source, desired, timesMs: timesMs as Record<string, number> };
  } catch {
    return null;
  }
}
