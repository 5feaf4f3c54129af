import { type ApplicationMessage, createMessage } from "../../mqtt/message.ts";
import type { Qos } from "../../mqtt/packets.ts";
import type { Subscription } from "../../session/session-api.ts";
import { ByteReader } from "../byte-reader.ts";
import { ByteWriter } from "../byte-writer.ts";
import { readMessageBody, writeMessageBody } from "../message-codec.ts";
import { type QueueBounds, readBounds, writeBounds } from "./queue-bounds.ts";
import type { QueuedMessage, StoredSession } from "./stored-session.ts";
import { readSubscription, writeSubscription } from "./subscription-codec.ts";

/** The head of a session: what changes with its connections. */
export function encodeHead(session: StoredSession, isUsual: boolean): Buffer {
  const writer = new ByteWriter(24);
  writer.number(session.number);
  writer.number(session.expirySeconds);
  writer.number(session.epoch);
  writer.number(session.disconnectedAtMs);
  writer.number(session.sentSeq);
  if (!isUsual) writeBounds(writer, session.bounds);
  return writer.finishExact();
}

export interface HeadRecord {
  readonly number: number;
  readonly expirySeconds: number;
  readonly epoch: number;
  readonly disconnectedAtMs: number;
  readonly sentSeq: number;
  /** Null: the usual ones. */
  readonly bounds: QueueBounds | null;
}

/** Null for anything that `encodeHead` would not have written; so with all of them. */
export function decodeHead(value: Uint8Array): HeadRecord | null {
  const reader = new ByteReader(value);
  const number = reader.number();
  const expirySeconds = reader.number();
  const epoch = reader.number();
  const disconnectedAtMs = reader.number();
  const sentSeq = reader.number();
  const bounds = reader.isAtEnd ? null : readBounds(reader);
  if (!isWhole(reader)) return null;
  return { number, expirySeconds, epoch, disconnectedAtMs, sentSeq, bounds };
}

/**
 * The cursor of a session: what changes with acknowledgements. What is done with beyond the floor is written as the gaps in the queue, so
 * that the record is bounded by the queue: behind one message that nobody takes, any number may come and go.
 */
export function encodeCursor(session: StoredSession): Buffer {
  const writer = new ByteWriter(64);
  writer.number(session.floor);
  writer.number(session.nextSeq - session.floor);
  writeAscending(writer, gapBounds(session), session.floor);
  writeAscending(writer, ascending(session.received), 0);
  writeAscending(writer, ascending(session.inboundQos2), 0);
  return writer.finishExact();
}

export interface CursorRecord {
  readonly floor: number;
  readonly nextSeq: number;
  /** First and last of each run beyond the floor that is done with. */
  readonly gapBounds: readonly number[];
  readonly received: readonly number[];
  readonly inboundQos2: readonly number[];
}

export function decodeCursor(value: Uint8Array): CursorRecord | null {
  const reader = new ByteReader(value);
  const floor = reader.number();
  const nextSeq = floor + reader.number();
  const gapBounds = readAscending(reader, floor);
  const received = readAscending(reader, 0);
  const inboundQos2 = readAscending(reader, 0);
  if (gapBounds.length % 2 !== 0) reader.fail();
  return isWhole(reader) ? { floor, nextSeq, gapBounds, received, inboundQos2 } : null;
}

/** Whether the place was done with when the cursor was written. */
export function isDoneIn({ floor, nextSeq, gapBounds }: CursorRecord, seq: number): boolean {
  if (seq <= floor) return true;
  if (seq >= nextSeq) return false;
  for (let at = 0; at < gapBounds.length; at += 2) {
    if (seq < gapBounds[at]!) return false;
    if (seq <= gapBounds[at + 1]!) return true;
  }
  return false;
}

function gapBounds({ queue, floor, nextSeq }: StoredSession): number[] {
  const bounds: number[] = [];
  let left = nextSeq - 1 - floor - queue.size;
  let next = floor + 1;
  // Most queues have none, or only near their beginning.
  if (left > 0) {
    for (const seq of queue.seqs()) {
      if (seq > next) {
        bounds.push(next, seq - 1);
        left -= seq - next;
        if (left === 0) break;
      }
      next = seq + 1;
    }
  }
  if (left > 0) bounds.push(next, nextSeq - 1);
  return bounds;
}

export function encodeSubscription(subscription: Subscription): Buffer {
  const writer = new ByteWriter(8);
  writeSubscription(writer, subscription);
  return writer.finishExact();
}

export function decodeSubscription(filter: string, value: Uint8Array): Subscription | null {
  const reader = new ByteReader(value);
  const subscription = readSubscription(reader, filter);
  return isWhole(reader) ? subscription : null;
}

/** A session that a message was stored for, as its record names it. */
export interface RecipientRecord {
  readonly sessionNumber: number;
  readonly seq: number;
  readonly qos: Qos;
  readonly retain: boolean;
  readonly identifiers: readonly number[];
  readonly group: string | null;
}

export interface MessageRecord {
  readonly message: ApplicationMessage;
  readonly storedAtMs: number;
  readonly recipients: readonly RecipientRecord[];
}

export interface EncodedMessage {
  readonly record: Buffer;
  /** The message once more; its bytes are part of the record and keep nothing else alive. */
  readonly own: ApplicationMessage;
}

/**
 * A message with the sessions that it was stored for, whether or not some of them have it by now. `writer` is used anew; `take` is asked for
 * the memory of the record.
 */
export function encodeMessage(
  message: ApplicationMessage,
  storedAtMs: number,
  recipients: readonly RecipientRecord[],
  writer: ByteWriter,
  take: (sizeBytes: number) => Buffer,
): EncodedMessage {
  writer.rewind(0);
  writer.string(message.topic);
  writer.number(message.version);
  writer.number(storedAtMs);
  writeMessageBody(writer, message);
  const bodyEnd = writer.length;
  writer.number(recipients.length);
  for (const recipient of recipients) {
    writer.number(recipient.sessionNumber);
    writeEntry(writer, recipient);
  }
  const record = writer.finishInto(take(writer.length));
  // They may refer to bytes of the command, too.
  if (message.properties !== null) return { record, own: decodeMessage(record)!.message };
  const payload = record.subarray(bodyEnd - message.payload.length, bodyEnd);
  return { record, own: withPayload(message, payload) };
}

function withPayload(message: ApplicationMessage, payload: Buffer): ApplicationMessage {
  const { topic, qos, retain, properties, receivedAtMs, publisherId, version } = message;
  return createMessage({
    topic,
    payload,
    qos,
    retain,
    properties,
    receivedAtMs,
    publisherId,
    version,
  });
}

export function decodeMessage(value: Uint8Array): MessageRecord | null {
  const reader = new ByteReader(value);
  const topic = reader.string();
  const version = reader.number();
  const storedAtMs = reader.number();
  const message = readMessageBody(reader, topic, version);
  const recipients: RecipientRecord[] = [];
  const count = reader.number();
  for (let at = 0; at < count && reader.isSound; at++) {
    const sessionNumber = reader.number();
    recipients.push({ sessionNumber, ...readEntry(reader) });
  }
  return isWhole(reader) ? { message, storedAtMs, recipients } : null;
}

/** A place in a queue whose message has a record without it: a retained message that a subscription asked for. */
export function encodePlace(messageId: string, entry: QueuedMessage): Buffer {
  const writer = new ByteWriter(32);
  writer.string(messageId);
  writeEntry(writer, entry);
  return writer.finishExact();
}

export interface PlaceRecord extends Omit<RecipientRecord, "sessionNumber"> {
  readonly messageId: string;
}

export function decodePlace(value: Uint8Array): PlaceRecord | null {
  const reader = new ByteReader(value);
  const messageId = reader.string();
  const entry = readEntry(reader);
  return isWhole(reader) ? { messageId, ...entry } : null;
}

const entryFlag = { qosMask: 0x03, retain: 0x04, hasIdentifiers: 0x08, hasGroup: 0x10 } as const;
const knownEntryFlags = 0x1f;

function writeEntry(writer: ByteWriter, entry: Omit<RecipientRecord, "sessionNumber">): void {
  const { seq, qos, retain, identifiers, group } = entry;
  writer.number(seq);
  writer.byte(
    qos |
      (retain ? entryFlag.retain : 0) |
      (identifiers.length > 0 ? entryFlag.hasIdentifiers : 0) |
      (group === null ? 0 : entryFlag.hasGroup),
  );
  if (identifiers.length > 0) {
    writer.number(identifiers.length);
    for (const identifier of identifiers) writer.number(identifier);
  }
  if (group !== null) writer.string(group);
}

function readEntry(reader: ByteReader): Omit<RecipientRecord, "sessionNumber"> {
  const seq = reader.number();
  const flags = reader.byte();
  const qos = flags & entryFlag.qosMask;
  if (qos > 2 || (flags & ~knownEntryFlags) !== 0) reader.fail();
  const identifiers: number[] = [];
  if ((flags & entryFlag.hasIdentifiers) !== 0) {
    const count = reader.number();
    for (let at = 0; at < count && reader.isSound; at++) identifiers.push(reader.number());
  }
  const group = (flags & entryFlag.hasGroup) === 0 ? null : reader.string();
  const retain = (flags & entryFlag.retain) !== 0;
  return { seq, qos: qos as Qos, retain, identifiers, group };
}

function ascending(numbers: ReadonlySet<number>): readonly number[] {
  return [...numbers].sort((a, b) => a - b);
}

/** Ascending numbers as the steps between them. */
export function writeAscending(
  writer: ByteWriter,
  numbers: readonly number[],
  start: number,
): void {
  writer.number(numbers.length);
  let previous = start;
  for (const number of numbers) {
    writer.number(number - previous);
    previous = number;
  }
}

export function readAscending(reader: ByteReader, start: number): number[] {
  const numbers: number[] = [];
  const count = reader.number();
  let previous = start;
  for (let at = 0; at < count && reader.isSound; at++) {
    previous += reader.number();
    numbers.push(previous);
  }
  return numbers;
}

function isWhole(reader: ByteReader): boolean {
  return reader.isSound && reader.isAtEnd;
}
