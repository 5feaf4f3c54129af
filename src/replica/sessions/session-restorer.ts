import type { Subscription } from "../../session/session-api.ts";
import type { RecordHash } from "../digest.ts";
import { recordPrefix } from "../records.ts";
import type { MessageStore } from "./message-store.ts";
import type { QueueBounds } from "./queue-bounds.ts";
import {
  type CursorRecord,
  decodeCursor,
  decodeHead,
  decodePlace,
  decodeSubscription,
  isDoneIn,
  type PlaceRecord,
  type RecipientRecord,
} from "./session-records.ts";
import type { SessionTable } from "./session-table.ts";
import { type QueuedMessage, StoredSession } from "./stored-session.ts";
import type { SubscriptionIndex } from "./subscription-index.ts";

interface WaitingPlace {
  readonly messageId: string;
  readonly place: Omit<RecipientRecord, "sessionNumber">;
  readonly isPlaced: boolean;
}

/**
 * Puts sessions together from their records, which come one by one in the order of their keys: a message comes before the sessions
 * that wait for it.
 */
export class SessionRestorer {
  readonly #table: SessionTable;
  readonly #index: SubscriptionIndex;
  readonly #messages: MessageStore;
  readonly #usualBounds: QueueBounds;
  readonly #sessions = new Map<string, StoredSession>();
  readonly #cursors = new Map<
    string,
    { readonly cursor: CursorRecord; readonly hash: RecordHash }
  >();
  readonly #subscriptions: (readonly [clientId: string, subscription: Subscription])[] = [];
  /** By the number of the session. */
  readonly #places = new Map<number, WaitingPlace[]>();

  constructor(
    table: SessionTable,
    index: SubscriptionIndex,
    messages: MessageStore,
    usual: QueueBounds,
  ) {
    this.#table = table;
    this.#index = index;
    this.#messages = messages;
    this.#usualBounds = usual;
  }

  /** False for a record that cannot be read, or is none of a session. */
  restore(prefix: string, rest: string, value: Uint8Array, hash: RecordHash): boolean {
    switch (prefix) {
      case recordPrefix.message:
        return this.#message(rest, value, hash);
      case recordPrefix.place:
        return this.#place(rest, decodePlace(value));
      case recordPrefix.session:
        return this.#head(rest, value, hash);
      case recordPrefix.cursor: {
        const cursor = decodeCursor(value);
        if (cursor !== null) this.#cursors.set(rest, { cursor, hash });
        return cursor !== null;
      }
      case recordPrefix.subscription: {
        const end = rest.indexOf("\u0000");
        const subscription = decodeSubscription(rest.slice(end + 1), value);
        if (subscription !== null) this.#subscriptions.push([rest.slice(0, end), subscription]);
        return subscription !== null;
      }
      default:
        return false;
    }
  }

  /** Ties together what came; answers how many records fit nowhere. */
  finish(): number {
    let strays = 0;
    for (const [clientId, { cursor, hash }] of this.#cursors) {
      const session = this.#sessions.get(clientId);
      if (session === undefined) strays++;
      else setCursor(session, cursor, hash);
    }
    for (const [clientId, subscription] of this.#subscriptions) {
      const session = this.#sessions.get(clientId);
      if (session === undefined) strays++;
      else this.#index.add(session, subscription);
    }
    for (const session of this.#sessions.values()) {
      this.#fillQueue(session, this.#cursors.get(session.clientId)?.cursor);
      this.#table.put(session);
    }
    this.clear();
    return strays;
  }

  clear(): void {
    this.#sessions.clear();
    this.#cursors.clear();
    this.#subscriptions.length = 0;
    this.#places.clear();
  }

  #message(id: string, value: Uint8Array, hash: RecordHash): boolean {
    const recipients = this.#messages.restore(id, value, hash);
    if (recipients === null) return false;
    for (const { sessionNumber, ...place } of recipients) {
      this.#wait(sessionNumber, { messageId: id, place, isPlaced: false });
    }
    return true;
  }

  #place(rest: string, record: PlaceRecord | null): boolean {
    if (record === null) return false;
    const { messageId, ...place } = record;
    this.#wait(Number.parseInt(rest, 10), { messageId, place, isPlaced: true });
    return true;
  }

  #wait(sessionNumber: number, place: WaitingPlace): void {
    const places = this.#places.get(sessionNumber);
    if (places === undefined) this.#places.set(sessionNumber, [place]);
    else places.push(place);
  }

  #head(clientId: string, value: Uint8Array, hash: RecordHash): boolean {
    const head = decodeHead(value);
    if (head === null) return false;
    const session = new StoredSession(clientId, head.number, head.bounds ?? this.#usualBounds);
    session.expirySeconds = head.expirySeconds;
    session.epoch = head.epoch;
    session.disconnectedAtMs = head.disconnectedAtMs;
    session.sentSeq = head.sentSeq;
    session.headHash = hash;
    this.#sessions.set(clientId, session);
    return true;
  }

  /** In the order of the sequence numbers, whatever order the records came in. */
  #fillQueue(session: StoredSession, cursor: CursorRecord | undefined): void {
    const places = this.#places.get(session.number) ?? [];
    places.sort((a, b) => a.place.seq - b.place.seq);
    for (const { messageId, place, isPlaced } of places) {
      const stored = this.#messages.get(messageId);
      if (stored === undefined || (cursor !== undefined && isDoneIn(cursor, place.seq))) continue;
      const entry: QueuedMessage = { ...place, session, stored, isPlaced };
      session.add(entry);
      this.#messages.schedule(entry);
    }
  }
}

function setCursor(session: StoredSession, cursor: CursorRecord, hash: RecordHash): void {
  session.floor = cursor.floor;
  session.nextSeq = cursor.nextSeq;
  for (const seq of cursor.received) session.received.add(seq);
  for (const packetId of cursor.inboundQos2) session.inboundQos2.add(packetId);
  session.cursorHash = hash;
}
