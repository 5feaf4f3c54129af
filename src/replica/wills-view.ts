import type { StateWriter } from "#cluster";
import type { ApplicationMessage } from "../mqtt/message.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { RecordHash } from "./digest.ts";
import { type Expiring, ExpiryQueue } from "./expiry-queue.ts";
import { readMessageBody, writeMessageBody } from "./message-codec.ts";
import { recordPrefix, type StateRecords } from "./records.ts";
import type { Will } from "./replica-api.ts";

interface DelayedWill extends Expiring {
  readonly clientId: string;
  readonly message: ApplicationMessage;
  readonly hash: RecordHash;
}

/** Will Messages whose connection has ended and whose delay has not (MQTT 5, 3.1.3.2.2). */
export class WillsView {
  readonly #records: StateRecords;
  readonly #wills = new Map<string, DelayedWill>();
  readonly #due = new ExpiryQueue<DelayedWill>();

  constructor(records: StateRecords) {
    this.#records = records;
  }

  get count(): number {
    return this.#wills.size;
  }

  /** One for each client: a newer one takes the place of an older. */
  delay(clientId: string, message: ApplicationMessage, dueMs: number, writer: StateWriter): void {
    this.take(clientId, writer);
    const value = encodeWill(message, dueMs);
    const hash = this.#records.put(writer, recordPrefix.will + clientId, value, null);
    this.#keep(clientId, value, hash);
  }

  /** It is published or void now; null when there is none. */
  take(clientId: string, writer: StateWriter): ApplicationMessage | null {
    const will = this.#wills.get(clientId);
    if (will === undefined) return null;
    this.#records.delete(writer, recordPrefix.will + clientId, will.hash);
    this.#wills.delete(clientId);
    this.#due.remove(will);
    return will.message;
  }

  isDue(clientId: string, nowMs: number): boolean {
    const will = this.#wills.get(clientId);
    return will !== undefined && will.expiresAtMs <= nowMs;
  }

  /** When the next delay is over; Infinity when there is none. */
  nextDueMs(): number {
    return this.#due.firstMs();
  }

  /** The client whose delay was over first, or null. */
  firstDue(nowMs: number): string | null {
    return this.#due.firstMs() <= nowMs ? this.#due.first()!.clientId : null;
  }

  restore(clientId: string, value: Uint8Array, hash: RecordHash): boolean {
    const own = Buffer.allocUnsafeSlow(value.length);
    own.set(value);
    return this.#keep(clientId, own, hash);
  }

  clear(): void {
    this.#wills.clear();
    this.#due.clear();
  }

  #keep(clientId: string, value: Buffer, hash: RecordHash): boolean {
    const reader = new ByteReader(value);
    const expiresAtMs = reader.number();
    const message = readMessageBody(reader, reader.string(), 0);
    if (!reader.isSound || !reader.isAtEnd) return false;
    const will = { clientId, message, hash, expiresAtMs, expiryKey: clientId, queueIndex: -1 };
    this.#wills.set(clientId, will);
    this.#due.add(will);
    return true;
  }
}

function encodeWill(message: ApplicationMessage, dueMs: number): Buffer {
  const writer = new ByteWriter(128 + message.payload.length);
  writer.number(dueMs);
  writer.string(message.topic);
  writeMessageBody(writer, message);
  return writer.finishExact();
}

/** A Will of a connection that lives: as part of a claim, and of its record. */
export function writeWill(writer: ByteWriter, will: Will): void {
  writer.number(will.delaySeconds);
  writer.string(will.message.topic);
  writeMessageBody(writer, will.message);
}

/** The payload shares memory with the reader's input. */
export function readWill(reader: ByteReader): Will {
  const delaySeconds = reader.number();
  return { delaySeconds, message: readMessageBody(reader, reader.string(), 0) };
}
