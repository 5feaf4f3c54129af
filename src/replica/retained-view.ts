import type { StateWriter } from "#cluster";
import { type ApplicationMessage, expiresAtMs } from "../mqtt/message.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { RecordHash } from "./digest.ts";
import { type Expiring, ExpiryQueue } from "./expiry-queue.ts";
import type { ReplicaLimits } from "./limits.ts";
import { readMessageBody, writeMessageBody } from "./message-codec.ts";
import { recordPrefix, type StateRecords } from "./records.ts";
import { RetainedWalk } from "./retained-walk.ts";
import { SortedTopics } from "./sorted-topics.ts";
import type { Versions } from "./versions.ts";

/** One topic's; a new message replaces what is in it, so that the index by topic stays as it is. */
interface RetainedEntry extends Expiring {
  message: ApplicationMessage;
  hash: RecordHash;
  sizeBytes: number;
  expiresAtMs: number;
}

/** An empty payload: nothing is kept [MQTT-3.3.1-6]. */
const cleared: Uint8Array = new Uint8Array(0);

/** Topic -> retained message (MQTT 5, 3.3.1.3). The payload in memory is part of the record's bytes, held once. */
export class RetainedView {
  readonly #records: StateRecords;
  readonly #versions: Versions;
  readonly #limits: ReplicaLimits;
  readonly #entries = new Map<string, RetainedEntry>();
  readonly #topics = new SortedTopics();
  readonly #expiry = new ExpiryQueue<RetainedEntry>();
  #sizeBytes = 0;

  constructor(records: StateRecords, versions: Versions, limits: ReplicaLimits) {
    this.#records = records;
    this.#versions = versions;
    this.#limits = limits;
  }

  get count(): number {
    return this.#entries.size;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** May change while it is walked; expired ones are among them. */
  *messages(): Iterable<ApplicationMessage> {
    for (const { message } of this.#entries.values()) yield message;
  }

  get(topic: string): ApplicationMessage | null {
    return this.#entries.get(topic)?.message ?? null;
  }

  /** 0 when there is no message, or only one that has expired. */
  versionOf(topic: string, nowMs: number): number {
    const entry = this.#entries.get(topic);
    return entry === undefined || entry.expiresAtMs <= nowMs ? 0 : entry.message.version;
  }

  match(filter: string, nowMs: number, visit: (message: ApplicationMessage) => unknown): void {
    if (/[+#]/.test(filter)) this.walk(filter).advance(nowMs, Number.POSITIVE_INFINITY, visit);
    else this.#show(filter, nowMs, visit);
  }

  walk(filter: string): RetainedWalk {
    return new RetainedWalk(this.#topics, filter, (topic, nowMs, visit) =>
      this.#show(topic, nowMs, visit),
    );
  }

  /** The record of a message to be retained, for `put`; null when a limit keeps it out. */
  prepare(message: ApplicationMessage, version: number): Uint8Array | null {
    const { topic } = message;
    if (message.payload.length === 0) return cleared;
    const previous = this.#entries.get(topic);
    const value = encodeRecord(message, version);
    const grownBytes = this.#sizeBytes + sizeOf(topic, value) - (previous?.sizeBytes ?? 0);
    const isTooMany = previous === undefined && this.#entries.size >= this.#limits.retainedMax;
    return isTooMany || grownBytes > this.#limits.retainedSizeBytesMax ? null : value;
  }

  /** `value` is what `prepare` answered in the same command. */
  put(topic: string, value: Uint8Array, writer: StateWriter): void {
    const previous = this.#entries.get(topic);
    if (value === cleared) {
      if (previous !== undefined) this.#delete(previous, writer);
      return;
    }
    const sizeBytes = sizeOf(topic, value);
    const kept = decodeRecord(topic, value)!;
    const key = recordPrefix.retained + topic;
    const hash = this.#records.put(writer, key, value, previous?.hash ?? null);
    this.#keep(kept, hash, sizeBytes, previous);
  }

  /** Removes what has expired, the earliest first and a bounded number; answers how many. */
  purgeExpired(nowMs: number, writer: StateWriter): number {
    let purged = 0;
    while (purged < this.#limits.expiredPerApplyMax) {
      const entry = this.#expiry.first();
      if (entry === undefined || entry.expiresAtMs > nowMs) {
        break;
      }
      this.#delete(entry, writer);
      purged++;
    }
    return purged;
  }

  /** False for a record that cannot be read. */
  restore(topic: string, value: Uint8Array, hash: RecordHash): boolean {
    const own = Buffer.allocUnsafeSlow(value.length);
    own.set(value);
    const message = decodeRecord(topic, own);
    if (message === null) {
      return false;
    }
    this.#keep(message, hash, sizeOf(topic, value), undefined);
    return true;
  }

  clear(): void {
    this.#entries.clear();
    this.#topics.clear();
    this.#expiry.clear();
    this.#sizeBytes = 0;
  }

  #show(topic: string, nowMs: number, visit: (message: ApplicationMessage) => unknown): unknown {
    const entry = this.#entries.get(topic);
    return entry !== undefined && entry.expiresAtMs > nowMs ? visit(entry.message) : true;
  }

  #keep(
    message: ApplicationMessage,
    hash: RecordHash,
    sizeBytes: number,
    previous: RetainedEntry | undefined,
  ): void {
    const { topic } = message;
    const timeMs = expiresAtMs(message);
    let entry = previous;
    if (entry === undefined) {
      entry = { message, hash, sizeBytes, expiresAtMs: timeMs, expiryKey: topic, queueIndex: -1 };
      this.#entries.set(topic, entry);
      this.#topics.add(topic);
    } else {
      this.#forget(entry);
      entry.message = message;
      entry.hash = hash;
      entry.sizeBytes = sizeBytes;
      entry.expiresAtMs = timeMs;
    }
    this.#sizeBytes += sizeBytes;
    if (timeMs !== Number.POSITIVE_INFINITY) {
      this.#expiry.add(entry);
    }
  }

  #delete(entry: RetainedEntry, writer: StateWriter): void {
    const { topic } = entry.message;
    this.#records.delete(writer, recordPrefix.retained + topic, entry.hash);
    this.#versions.removed(entry.message.version, writer);
    this.#forget(entry);
    this.#entries.delete(topic);
    this.#topics.delete(topic);
  }

  #forget(entry: RetainedEntry): void {
    this.#sizeBytes -= entry.sizeBytes;
    this.#expiry.remove(entry);
  }
}

function sizeOf(topic: string, value: Uint8Array): number {
  return topic.length + value.length;
}

function encodeRecord(message: ApplicationMessage, version: number): Buffer {
  const writer = new ByteWriter(256 + message.payload.length);
  writer.number(version);
  writeMessageBody(writer, message);
  return writer.finishExact();
}

function decodeRecord(topic: string, value: Uint8Array): ApplicationMessage | null {
  const reader = new ByteReader(value);
  const version = reader.number();
  const message = readMessageBody(reader, topic, version);
  return reader.isSound && reader.isAtEnd ? message : null;
}
