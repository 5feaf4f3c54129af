import type { ApplicationMessage } from "../mqtt/message.ts";
import type { Qos } from "../mqtt/packets.ts";
import { ByteReader } from "../replica/byte-reader.ts";
import { ByteWriter } from "../replica/byte-writer.ts";
import { readMessageBody, writeMessageBody } from "../replica/message-codec.ts";
import type { SessionSnapshot, Subscription } from "../session/session-api.ts";
import { BrokerError } from "./errors.ts";

/** How a session travels to the node where its client connected next. */

type SnapshotMessage = SessionSnapshot["outbound"][number];

const formatVersion = 1;
const phases = ["queued", "published", "released"] as const;
const subscriptionFlag = { qosMask: 0x03, noLocal: 0x04, retainAsPublished: 0x08 } as const;
const retainHandlingShift = 4;

export function encodeSession(snapshot: SessionSnapshot): Buffer {
  const writer = new ByteWriter(1024);
  writer.byte(formatVersion);
  writer.string(snapshot.clientId);
  writer.number(snapshot.sessionExpirySeconds);
  writer.number(snapshot.subscriptions.length);
  for (const subscription of snapshot.subscriptions) writeSubscription(writer, subscription);
  writer.number(snapshot.outbound.length);
  for (const outbound of snapshot.outbound) writeOutbound(writer, outbound);
  writeNumbers(writer, snapshot.inboundQos2);
  return writer.finish();
}

/** Throws BrokerError "snapshot-malformed" for anything that `encodeSession` would not have written. */
export function decodeSession(bytes: Uint8Array): SessionSnapshot {
  // A copy, because the messages live longer than the frame they came in.
  const reader = new ByteReader(Buffer.from(bytes));
  if (reader.byte() !== formatVersion) reader.fail();
  const clientId = reader.string();
  const sessionExpirySeconds = reader.number();
  const subscriptions = readList(reader, readSubscription);
  const outbound = readList(reader, readOutbound);
  const inboundQos2 = readList(reader, (from) => from.number());
  if (!reader.isSound || !reader.isAtEnd) {
    throw new BrokerError("snapshot-malformed", "a session snapshot cannot be read", {
      sizeBytes: bytes.length,
    });
  }
  return { clientId, subscriptions, sessionExpirySeconds, outbound, inboundQos2 };
}

function writeSubscription(writer: ByteWriter, subscription: Subscription): void {
  writer.string(subscription.filter);
  writer.byte(
    subscription.qos |
      (subscription.noLocal ? subscriptionFlag.noLocal : 0) |
      (subscription.retainAsPublished ? subscriptionFlag.retainAsPublished : 0) |
      (subscription.retainHandling << retainHandlingShift),
  );
  writer.number(subscription.identifier);
}

function readSubscription(reader: ByteReader): Subscription {
  const filter = reader.string();
  const flags = reader.byte();
  const retainHandling = flags >> retainHandlingShift;
  if (retainHandling > 2) reader.fail();
  return {
    filter,
    qos: readQos(reader, flags & subscriptionFlag.qosMask),
    noLocal: (flags & subscriptionFlag.noLocal) !== 0,
    retainAsPublished: (flags & subscriptionFlag.retainAsPublished) !== 0,
    retainHandling: retainHandling as 0 | 1 | 2,
    identifier: reader.number(),
  };
}

function writeOutbound(writer: ByteWriter, outbound: SnapshotMessage): void {
  writer.byte(outbound.qos);
  writer.byte(outbound.retain ? 1 : 0);
  writeNumbers(writer, outbound.identifiers);
  writer.number(outbound.packetId);
  writer.byte(phases.indexOf(outbound.phase));
  writer.string(outbound.message.topic);
  writer.number(outbound.message.version);
  writeMessageBody(writer, outbound.message);
}

function readOutbound(reader: ByteReader): SnapshotMessage {
  const qos = readQos(reader, reader.byte());
  const retain = reader.byte() === 1;
  const identifiers = readList(reader, (from) => from.number());
  const packetId = reader.number();
  const phase = phases[reader.byte()];
  if (phase === undefined || packetId > 0xffff) reader.fail();
  const topic = reader.string();
  const version = reader.number();
  const message: ApplicationMessage = readMessageBody(reader, topic, version);
  return { message, qos, retain, identifiers, packetId, phase: phase ?? "queued" };
}

function readQos(reader: ByteReader, value: number): Qos {
  if (value === 0 || value === 1 || value === 2) return value;
  reader.fail();
  return 0;
}

function writeNumbers(writer: ByteWriter, values: readonly number[]): void {
  writer.number(values.length);
  for (const value of values) writer.number(value);
}

/** Bounded by the bytes that are there: reading past the end makes the reader unsound, and the loop ends. */
function readList<T>(reader: ByteReader, readItem: (reader: ByteReader) => T): T[] {
  const count = reader.number();
  const items: T[] = [];
  for (let at = 0; at < count && reader.isSound; at++) items.push(readItem(reader));
  return items;
}
