import type { ByteReader } from "../byte-reader.ts";
import type { ByteWriter } from "../byte-writer.ts";
import type { ReplicaLimits } from "../limits.ts";

/**
 * What may wait for one session. Its claim brings them and its record keeps them, so that all nodes decide alike, whatever their own
 * options say.
 */
export interface QueueBounds {
  readonly messagesMax: number;
  readonly sizeBytesMax: number;
  /** 0 = as long as the message's own expiry interval lets it. */
  readonly ageSecondsMax: number;
  /** Who goes when there is no room: the oldest that waits, or the one that comes. */
  readonly isOldestDropped: boolean;
}

/** Those of a session whose claim names none. */
export function usualBounds(limits: ReplicaLimits): QueueBounds {
  return Object.freeze({
    messagesMax: limits.queuedMessagesMax,
    sizeBytesMax: limits.queuedSizeBytesMax,
    ageSecondsMax: limits.storedAgeSecondsMax,
    isOldestDropped: false,
  });
}

export function areEqualBounds(a: QueueBounds, b: QueueBounds): boolean {
  return (
    a.messagesMax === b.messagesMax &&
    a.sizeBytesMax === b.sizeBytesMax &&
    a.ageSecondsMax === b.ageSecondsMax &&
    a.isOldestDropped === b.isOldestDropped
  );
}

export function writeBounds(writer: ByteWriter, bounds: QueueBounds): void {
  writer.number(bounds.messagesMax);
  writer.number(bounds.sizeBytesMax);
  writer.number(bounds.ageSecondsMax);
  writer.byte(bounds.isOldestDropped ? 1 : 0);
}

export function readBounds(reader: ByteReader): QueueBounds {
  const messagesMax = reader.number();
  const sizeBytesMax = reader.number();
  const ageSecondsMax = reader.number();
  const policy = reader.byte();
  if (policy > 1) reader.fail();
  return { messagesMax, sizeBytesMax, ageSecondsMax, isOldestDropped: policy === 1 };
}
