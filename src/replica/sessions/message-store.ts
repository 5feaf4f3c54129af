import type { CommandContext, StateWriter } from "#cluster";
import type { ApplicationMessage } from "../../mqtt/message.ts";
import { ByteWriter } from "../byte-writer.ts";
import { hashRecord, type RecordHash } from "../digest.ts";
import { ExpiryQueue } from "../expiry-queue.ts";
import type { ReplicaLimits } from "../limits.ts";
import { type OnceRecord, recordPrefix, type StateRecords } from "../records.ts";
import { PassingMemory } from "./passing-memory.ts";
import {
  decodeMessage,
  type EncodedMessage,
  encodeMessage,
  encodePlace,
  type RecipientRecord,
} from "./session-records.ts";
import { StoredMessage } from "./stored-message.ts";
import { endsAtMs, type QueuedMessage } from "./stored-session.ts";

/** The messages that sessions wait for, each once, with its record. */
export class MessageStore {
  readonly #records: StateRecords;
  readonly #limits: ReplicaLimits;
  /**
   * Those that a place may come for later, by id: copies of retained messages, and after a restart all, because places have records of
   * their own. What is published is not among them: it gets its places at once, and comes and goes too fast for a table.
   */
  readonly #listed = new Map<string, StoredMessage>();
  #count = 0;
  readonly #expiry = new ExpiryQueue<StoredMessage>();
  #sizeBytes = 0;
  readonly #writer = new ByteWriter();
  readonly #memory = new PassingMemory();
  /** Of the entry being applied: several of its commands may store a message. */
  #entryIndex = 0;
  #countInEntry = 0;

  readonly #takePassing = (sizeBytes: number): Buffer => this.#memory.take(sizeBytes);

  constructor(records: StateRecords, limits: ReplicaLimits) {
    this.#records = records;
    this.#limits = limits;
  }

  get count(): number {
    return this.#count;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** A copy of a retained message, or while the state is restored any. */
  get(id: string): StoredMessage | undefined {
    return this.#listed.get(id);
  }

  hasRoomFor(sizeBytes: number): boolean {
    return this.#sizeBytes + sizeBytes <= this.#limits.storedSizeBytesMax;
  }

  /** The caller adds the places that `recipients` describe. `isPassing`: all of them are there to take it. */
  add(
    message: ApplicationMessage,
    recipients: readonly RecipientRecord[],
    isPassing: boolean,
    context: CommandContext,
    writer: StateWriter,
  ): StoredMessage {
    const id = this.#nextId(context);
    const { record, own } = this.#encode(message, recipients, isPassing, context);
    const once = this.#records.putOnce(writer, recordPrefix.message + id, record);
    const stored = this.#keep(id, own, context.timeMs, once);
    if (isPassing) this.#memory.note(stored, record);
    return stored;
  }

  /** Under an id that says whose copy it is, and that may have stood for the same copy before; null: that is taken. */
  addCopy(
    id: string | null,
    message: ApplicationMessage,
    context: CommandContext,
    writer: StateWriter,
  ): StoredMessage {
    if (id === null) return this.#listing(this.add(message, [], false, context, writer));
    const { record, own } = this.#encode(message, [], false, context);
    const hash = this.#records.put(writer, recordPrefix.message + id, record, null);
    return this.#listing(this.#keep(id, own, context.timeMs, { hash, mark: null }));
  }

  /** Null for a record that cannot be read. */
  restore(id: string, value: Uint8Array, hash: RecordHash): readonly RecipientRecord[] | null {
    const own = Buffer.allocUnsafeSlow(value.length);
    own.set(value);
    const record = decodeMessage(own);
    if (record === null) return null;
    this.#listing(this.#keep(id, record.message, record.storedAtMs, { hash, mark: null }));
    return record.recipients;
  }

  /** A queue's place is free; the message goes with its last one. */
  release(entry: QueuedMessage, writer: StateWriter): void {
    if (entry.isPlaced) this.#deletePlace(entry, writer);
    const { stored } = entry;
    if (stored.places.size > 0 || !stored.isKept) return;
    stored.isKept = false;
    this.#memory.forget(stored);
    this.#count--;
    const { hash, mark } = stored.record;
    this.#records.delete(writer, recordPrefix.message + stored.id, hash, mark);
    if (stored.isListed) this.#listed.delete(stored.id);
    this.#expiry.remove(stored);
    this.#sizeBytes -= stored.sizeBytes;
  }

  /** A place for a message that was stored before. */
  writePlace(entry: QueuedMessage, writer: StateWriter): void {
    this.#records.put(writer, placeKey(entry), encodePlace(entry.stored.id, entry), null);
  }

  /** A place has come, or bears another age now: its message is looked at when it is too old. */
  schedule(entry: QueuedMessage): void {
    this.#scheduleAt(entry.stored, endsAtMs(entry));
  }

  /** When the next message may be too old; Infinity when none will be. */
  nextExpiryMs(): number {
    return this.#expiry.firstMs();
  }

  /**
   * Takes the one of which a place that may go has been too old for the longest time; null when there is none. It comes again for the places that may
   * wait longer.
   */
  takeExpired(nowMs: number): StoredMessage | null {
    for (;;) {
      if (this.#expiry.firstMs() > nowMs) return null;
      const first = this.#expiry.first()!;
      const queuedForMs = first.expiresAtMs;
      this.#expiry.remove(first);
      first.expiresAtMs = Number.POSITIVE_INFINITY;
      const dueMs = dueMsOf(first);
      // Where it stands in the queue depends on what this replica has been through: it may stand there for a place whose session is here.
      const isInItsPlace = dueMs === queuedForMs;
      if (!isInItsPlace && dueMs <= nowMs) this.#scheduleAt(first, dueMs);
      else {
        first.places.forEach((_, place) => {
          const placeEndsAtMs = endsAtMs(place);
          if (placeEndsAtMs > nowMs) this.#scheduleAt(first, placeEndsAtMs);
        });
        if (isInItsPlace) return first;
      }
    }
  }

  clear(): void {
    this.#listed.clear();
    this.#memory.clear();
    this.#count = 0;
    this.#expiry.clear();
    this.#sizeBytes = 0;
    this.#entryIndex = 0;
    this.#countInEntry = 0;
  }

  /** A name that no other message of this log has or had, the same on every replica. */
  #nextId({ index }: CommandContext): string {
    this.#countInEntry = index === this.#entryIndex ? this.#countInEntry + 1 : 0;
    this.#entryIndex = index;
    return `${index.toString(16).padStart(indexDigits, "0")}-${this.#countInEntry}`;
  }

  /** From now on it is found by its id. */
  #listing(stored: StoredMessage): StoredMessage {
    this.#listed.set(stored.id, stored);
    stored.isListed = true;
    return stored;
  }

  #encode(
    message: ApplicationMessage,
    recipients: readonly RecipientRecord[],
    isPassing: boolean,
    { timeMs }: CommandContext,
  ): EncodedMessage {
    const take = isPassing ? this.#takePassing : Buffer.allocUnsafeSlow;
    // The memory of the one writer stays: a large message has a writer of its own.
    const sizeBytes = message.payload.length;
    const writer = sizeBytes > sharedWriterSizeBytesMax ? new ByteWriter(sizeBytes) : this.#writer;
    return encodeMessage(message, timeMs, recipients, writer, take);
  }

  #keep(
    id: string,
    message: ApplicationMessage,
    storedAtMs: number,
    record: OnceRecord,
  ): StoredMessage {
    const stored = new StoredMessage(id, message, storedAtMs, record);
    this.#count++;
    this.#sizeBytes += stored.sizeBytes;
    return stored;
  }

  #scheduleAt(stored: StoredMessage, timeMs: number): void {
    if (timeMs >= stored.expiresAtMs) return;
    this.#expiry.remove(stored);
    stored.expiresAtMs = timeMs;
    this.#expiry.add(stored);
  }

  #deletePlace(entry: QueuedMessage, writer: StateWriter): void {
    const key = placeKey(entry);
    this.#records.delete(writer, key, hashRecord(key, encodePlace(entry.stored.id, entry)));
  }
}

const sharedWriterSizeBytesMax = 16 * 1024;

/** So that records stand in the order of the log. */
const indexDigits = 13;

function placeKey({ session, seq }: QueuedMessage): string {
  return `${recordPrefix.place}${session.number}-${seq}`;
}

/** When the first of the places ends whose session is away and has not begun with it; Infinity without one. */
function dueMsOf(stored: StoredMessage): number {
  let dueMs = Number.POSITIVE_INFINITY;
  stored.places.forEach((_, place) => {
    const { session } = place;
    if (!session.isConnected && !session.hasBegun(place)) dueMs = Math.min(dueMs, endsAtMs(place));
  });
  return dueMs;
}
