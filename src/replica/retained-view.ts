import type { StateWriter } from "#cluster";
import { type ApplicationMessage, expiresAtMs } from "../mqtt/message.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { RecordHash } from "./digest.ts";
import { ExpiryQueue } from "./expiry-queue.ts";
import type { ReplicaLimits } from "./limits.ts";
import { hasProperties, qosOf, readMessageBody, writeMessageBody } from "./message-codec.ts";
import { RecordSlabs } from "./record-slabs.ts";
import { recordPrefix, type StateRecords } from "./records.ts";
import { RetainedWalk, type TopicVisitor } from "./retained-walk.ts";
import { SortedTopics } from "./sorted-topics.ts";
import { TopicSlots } from "./topic-slots.ts";
import type { Versions } from "./versions.ts";

/** Of a topic whose message ends by itself; most do not, and have none. */
interface Ending {
  readonly expiresAtMs: number;
  readonly expiryKey: string;
  queueIndex: number;
}

/** An empty payload: nothing is kept [MQTT-3.3.1-6]. */
const cleared: Uint8Array = new Uint8Array(0);

/**
 * Topic -> retained message (MQTT 5, 3.3.1.3). In memory stand the records as they are on the disk, one behind the other; a message is made
 * of its record when it is asked for, and shares no memory with it.
 */
export class RetainedView {
  readonly #records: StateRecords;
  readonly #versions: Versions;
  readonly #limits: ReplicaLimits;
  readonly #slots = new TopicSlots();
  readonly #slabs = new RecordSlabs();
  readonly #topics = new SortedTopics();
  readonly #endings = new Map<string, Ending>();
  readonly #expiry = new ExpiryQueue<Ending>();
  #sizeBytes = 0;
  #isLoading = false;

  constructor(records: StateRecords, versions: Versions, limits: ReplicaLimits) {
    this.#records = records;
    this.#versions = versions;
    this.#limits = limits;
  }

  get count(): number {
    return this.#slots.size;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get(topic: string): ApplicationMessage | null {
    const slot = this.#slots.get(topic);
    if (slot === undefined) return null;
    const record = this.#slabs.view(slot);
    const own = Buffer.allocUnsafeSlow(record.length);
    own.set(record);
    return decodeRecord(topic, own);
  }

  /** Also of a message that has expired; 0 when there is none. */
  storedVersionOf(topic: string): number {
    const slot = this.#slots.get(topic);
    return slot === undefined ? 0 : this.#versionAt(slot);
  }

  /** 0 when there is no message, or only one that has expired. */
  versionOf(topic: string, nowMs: number): number {
    return this.#isOver(topic, nowMs) ? 0 : this.storedVersionOf(topic);
  }

  /** In order of topics. `visit` must not write here. */
  match(filter: string, nowMs: number, visit: (message: ApplicationMessage) => unknown): void {
    if (/[+#]/.test(filter)) this.walk(filter).advance(nowMs, Number.POSITIVE_INFINITY, visit);
    else this.#showMessage(filter, nowMs, visit);
  }

  /** The state is being replaced and not there as a whole. */
  get isLoading(): boolean {
    return this.#isLoading;
  }

  /** It stands still while the state is loaded. Tells of each message whether it was written after the walk began. */
  walk(filter: string): RetainedWalk<ApplicationMessage> {
    const { changes } = this.#slabs;
    return this.#walkWith<ApplicationMessage>(filter, (topic, nowMs, visit) => {
      const slot = this.#slots.get(topic);
      const isChanged = slot !== undefined && this.#slabs.isChangedSince(slot, changes);
      return this.#showMessage(topic, nowMs, (message) => visit(message, isChanged));
    });
  }

  walkTopics(filter: string): RetainedWalk<string> {
    return this.#walkWith<string>(filter, (topic, nowMs, visit) =>
      this.#isOver(topic, nowMs) ? true : visit(topic, false),
    );
  }

  /** Visits the topics whose message was published at QoS > 0, in order; answers how many. `visit` must not write here. */
  matchPromised(filter: string, nowMs: number, visit: (topic: string) => void): number {
    let count = 0;
    const visitPromised = (topic: string): void => {
      const reader = new ByteReader(this.#slabs.view(this.#slots.get(topic)!));
      reader.number();
      if (qosOf(reader) === 0) return;
      count++;
      visit(topic);
    };
    this.walkTopics(filter).advance(nowMs, Number.POSITIVE_INFINITY, visitPromised);
    return count;
  }

  /** The record of a message to be retained, for `put`; null when a limit keeps it out. */
  prepare(message: ApplicationMessage, version: number): Uint8Array | null {
    const { topic } = message;
    if (message.payload.length === 0) return cleared;
    const slot = this.#slots.get(topic);
    const value = encodeRecord(message, version);
    const freedBytes = slot === undefined ? 0 : this.#sizeAt(topic, slot);
    const grownBytes = this.#sizeBytes + topic.length + value.length - freedBytes;
    const isTooMany = slot === undefined && this.#slots.size >= this.#limits.retainedMax;
    return isTooMany || grownBytes > this.#limits.retainedSizeBytesMax ? null : value;
  }

  /** `value` is what `prepare` answered in the same command. */
  put(topic: string, value: Uint8Array, writer: StateWriter): void {
    const slot = this.#slots.get(topic);
    if (value === cleared) {
      if (slot !== undefined) this.#delete(topic, slot, writer);
      return;
    }
    const key = recordPrefix.retained + topic;
    const previous = slot === undefined ? null : this.#slabs.hashOf(slot);
    const hash = this.#records.put(writer, key, value, previous);
    this.#keep(topic, slot, value, hash);
  }

  /** Removes what has expired, the earliest first and a bounded number; answers how many. */
  purgeExpired(nowMs: number, writer: StateWriter): number {
    let purged = 0;
    while (purged < this.#limits.expiredPerApplyMax) {
      if (this.#expiry.firstMs() > nowMs) {
        break;
      }
      const topic = this.#expiry.first()!.expiryKey;
      this.#delete(topic, this.#slots.get(topic)!, writer);
      purged++;
    }
    return purged;
  }

  /** False for a record that cannot be read. */
  restore(topic: string, value: Uint8Array, hash: RecordHash): boolean {
    if (decodeRecord(topic, value) === null) {
      return false;
    }
    this.#keep(topic, undefined, value, hash);
    return true;
  }

  /** Until `restored` what is here is not all of it. */
  clear(): void {
    this.#isLoading = true;
    this.#slots.clear();
    this.#slabs.clear();
    this.#topics.clear();
    this.#endings.clear();
    this.#expiry.clear();
    this.#sizeBytes = 0;
  }

  restored(): void {
    this.#isLoading = false;
  }

  #walkWith<T>(filter: string, show: TopicVisitor<T>): RetainedWalk<T> {
    return new RetainedWalk(this.#topics, filter, show, () => this.#isLoading);
  }

  #showMessage(
    topic: string,
    nowMs: number,
    visit: (message: ApplicationMessage) => unknown,
  ): unknown {
    const slot = this.#slots.get(topic);
    if (slot === undefined || this.#isOver(topic, nowMs)) return true;
    // In the pool's memory: it goes to a client, and is not kept.
    return visit(decodeRecord(topic, Buffer.from(this.#slabs.view(slot)))!);
  }

  #keep(topic: string, slot: number | undefined, value: Uint8Array, hash: RecordHash): void {
    if (slot === undefined) {
      this.#slots.add(topic, this.#slabs.add(value, hash));
      this.#topics.add(topic);
    } else {
      this.#sizeBytes -= this.#sizeAt(topic, slot);
      this.#slabs.replace(slot, value, hash);
      this.#forgetEnding(topic);
    }
    this.#sizeBytes += topic.length + value.length;
    const endsAtMs = recordExpiresAtMs(value);
    if (endsAtMs === Number.POSITIVE_INFINITY) return;
    const ending = { expiresAtMs: endsAtMs, expiryKey: topic, queueIndex: -1 };
    this.#endings.set(topic, ending);
    this.#expiry.add(ending);
  }

  #delete(topic: string, slot: number, writer: StateWriter): void {
    this.#records.delete(writer, recordPrefix.retained + topic, this.#slabs.hashOf(slot));
    this.#versions.removed(this.#versionAt(slot), writer);
    this.#sizeBytes -= this.#sizeAt(topic, slot);
    this.#forgetEnding(topic);
    this.#slots.delete(topic);
    this.#slabs.delete(slot);
    this.#topics.delete(topic);
  }

  #forgetEnding(topic: string): void {
    const ending = this.#endings.size > 0 ? this.#endings.get(topic) : undefined;
    if (ending === undefined) return;
    this.#endings.delete(topic);
    this.#expiry.remove(ending);
  }

  #isOver(topic: string, nowMs: number): boolean {
    if (this.#endings.size === 0) return false;
    const ending = this.#endings.get(topic);
    return ending !== undefined && ending.expiresAtMs <= nowMs;
  }

  #versionAt(slot: number): number {
    return new ByteReader(this.#slabs.view(slot)).number();
  }

  #sizeAt(topic: string, slot: number): number {
    return topic.length + this.#slabs.sizeOf(slot);
  }
}

function encodeRecord(message: ApplicationMessage, version: number): Buffer {
  const writer = new ByteWriter(128 + message.payload.length);
  writer.number(version);
  writeMessageBody(writer, message);
  return writer.finish();
}

function decodeRecord(topic: string, value: Uint8Array): ApplicationMessage | null {
  const reader = new ByteReader(value);
  const version = reader.number();
  const message = readMessageBody(reader, topic, version);
  return reader.isSound && reader.isAtEnd ? message : null;
}

function recordExpiresAtMs(value: Uint8Array): number {
  const reader = new ByteReader(value);
  reader.number();
  if (!hasProperties(reader)) return Number.POSITIVE_INFINITY;
  return expiresAtMs(decodeRecord("", value)!);
}
