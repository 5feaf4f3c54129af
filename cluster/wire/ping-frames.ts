import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { type ControlKind, frameVersion } from "./frame-kinds.ts";

/** A ping, or the pong that gives its `sentMs` back. `piggyback` belongs to the layers above. */
export interface Ping {
  /** On the clock of the node that pinged, in milliseconds. */
  readonly sentMs: number;
  readonly piggyback: Uint8Array;
}

export function encodePing(
  kind: typeof ControlKind.ping | typeof ControlKind.pong,
  ping: Ping,
): Uint8Array {
  const writer = new ByteWriter(10 + ping.piggyback.length).u8(kind).u8(frameVersion);
  return writer.f64(ping.sentMs).bytes(ping.piggyback).finish();
}

/** Starts behind the kind. Null: malformed or of another version. The piggyback is a view on the frame. */
export function decodePing(payload: Uint8Array): Ping | null {
  const reader = new ByteReader(payload);
  if (reader.u8() !== frameVersion) return null;
  const sentMs = reader.f64();
  const piggyback = reader.bytes(reader.remainingSizeBytes);
  return reader.isMalformed ? null : { sentMs, piggyback };
}
