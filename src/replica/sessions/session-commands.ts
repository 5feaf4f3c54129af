import type { Subscription } from "../../session/session-api.ts";
import type { ByteReader } from "../byte-reader.ts";
import type { ByteWriter } from "../byte-writer.ts";
import { readAscending, writeAscending } from "./session-records.ts";
import { readSubscription, writeSubscription } from "./subscription-codec.ts";

/** What the client of one session has acknowledged. Numbers ascend. */
export interface SessionSettlement {
  readonly clientId: string;
  /** Of the claim under which it was acknowledged; void when it is not the newest. */
  readonly epoch: number;
  /** Sequence numbers that are done with: PUBACK, PUBCOMP, or the client could never take them. */
  readonly completed: readonly number[];
  /** Sequence numbers with PUBREC: from here on only PUBREL is sent. */
  readonly received: readonly number[];
  /** Packet identifiers of QoS 2 messages from the client, released with PUBREL. */
  readonly released: readonly number[];
}

export function writeSubscriptions(
  writer: ByteWriter,
  subscriptions: readonly Subscription[],
): void {
  writer.number(subscriptions.length);
  for (const subscription of subscriptions) {
    writer.string(subscription.filter);
    writeSubscription(writer, subscription);
  }
}

export function readSubscriptions(reader: ByteReader): Subscription[] {
  return readList(reader, () => readSubscription(reader, reader.string()));
}

export function writeFilters(writer: ByteWriter, filters: readonly string[]): void {
  writer.number(filters.length);
  for (const filter of filters) writer.string(filter);
}

export function readFilters(reader: ByteReader): string[] {
  return readList(reader, () => reader.string());
}

export function writeSettlements(
  writer: ByteWriter,
  settlements: readonly SessionSettlement[],
): void {
  writer.number(settlements.length);
  for (const { clientId, epoch, completed, received, released } of settlements) {
    writer.string(clientId);
    writer.number(epoch);
    writeAscending(writer, completed, 0);
    writeAscending(writer, received, 0);
    writeAscending(writer, released, 0);
  }
}

export function readSettlements(reader: ByteReader): SessionSettlement[] {
  return readList(reader, () => ({
    clientId: reader.string(),
    epoch: reader.number(),
    completed: readAscending(reader, 0),
    received: readAscending(reader, 0),
    released: readAscending(reader, 0),
  }));
}

function readList<T>(reader: ByteReader, read: () => T): T[] {
  const list: T[] = [];
  const count = reader.number();
  for (let at = 0; at < count && reader.isSound; at++) list.push(read());
  return list;
}
