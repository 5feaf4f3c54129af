import type { StateWriter } from "#cluster";
import type { Subscription } from "../../session/session-api.ts";
import { hashRecord } from "../digest.ts";
import { ExpiryQueue } from "../expiry-queue.ts";
import { recordPrefix, type StateRecords } from "../records.ts";
import type { MessageStore } from "./message-store.ts";
import { areEqualBounds, type QueueBounds } from "./queue-bounds.ts";
import { encodeCursor, encodeHead, encodeSubscription } from "./session-records.ts";
import { StoredSession } from "./stored-session.ts";
import type { SubscriptionIndex } from "./subscription-index.ts";

/** How a connection began. */
export interface ConnectionStart {
  readonly epoch: number;
  readonly expirySeconds: number;
  readonly bounds?: QueueBounds | undefined;
}

/** How a connection ended. */
export interface ConnectionEnd {
  readonly expirySeconds: number;
  /** Up to where the queue was sent; null when nobody can say. */
  readonly sentSeq: number | null;
}

/** The session never ends by itself (MQTT 5, 3.1.2.11.2). */
const neverExpires = 0xffff_ffff;

/** The stored sessions by client and by number, with their records: head, cursor and subscriptions. */
export class SessionTable {
  readonly #records: StateRecords;
  readonly #index: SubscriptionIndex;
  readonly #messages: MessageStore;
  readonly #usualBounds: QueueBounds;
  readonly #sessions = new Map<string, StoredSession>();
  readonly #expiry = new ExpiryQueue<StoredSession>();

  constructor(
    records: StateRecords,
    index: SubscriptionIndex,
    messages: MessageStore,
    usual: QueueBounds,
  ) {
    this.#records = records;
    this.#index = index;
    this.#messages = messages;
    this.#usualBounds = usual;
  }

  get count(): number {
    return this.#sessions.size;
  }

  /** May change while it is walked. */
  ids(): Iterable<string> {
    return this.#sessions.keys();
  }

  get(clientId: string): StoredSession | null {
    return this.#sessions.get(clientId) ?? null;
  }

  all(): IterableIterator<StoredSession> {
    return this.#sessions.values();
  }

  begin(clientId: string, number: number): StoredSession {
    const session = new StoredSession(clientId, number, this.#usualBounds);
    this.#sessions.set(clientId, session);
    return session;
  }

  /** Takes a session as it was before a restart. */
  put(session: StoredSession): void {
    this.#sessions.set(session.clientId, session);
    this.#schedule(session);
  }

  connected(session: StoredSession, claim: ConnectionStart, writer: StateWriter): void {
    session.epoch = claim.epoch;
    session.expirySeconds = claim.expirySeconds;
    session.bounds = claim.bounds ?? this.#usualBounds;
    session.disconnectedAtMs = 0;
    session.keptBelow = 1;
    this.#writeHead(session, writer);
  }

  disconnected(
    session: StoredSession,
    end: ConnectionEnd,
    timeMs: number,
    writer: StateWriter,
  ): void {
    const { expirySeconds, sentSeq } = end;
    session.epoch = 0;
    session.keptBelow = 1;
    // What an earlier connection was sent and this one was not stays a repetition.
    session.sentSeq = Math.max(session.sentSeq, sentSeq ?? session.nextSeq - 1);
    session.expirySeconds = expirySeconds;
    session.disconnectedAtMs = timeMs;
    this.#writeHead(session, writer);
  }

  subscribe(session: StoredSession, subscription: Subscription, writer: StateWriter): void {
    const key = subscriptionKey(session, subscription.filter);
    const previous = session.subscriptions.get(subscription.filter);
    const hash = previous === undefined ? null : hashRecord(key, encodeSubscription(previous));
    this.#records.put(writer, key, encodeSubscription(subscription), hash);
    this.#index.add(session, subscription);
  }

  unsubscribe(session: StoredSession, filter: string, writer: StateWriter): boolean {
    const subscription = session.subscriptions.get(filter);
    if (subscription === undefined) return false;
    const key = subscriptionKey(session, filter);
    this.#records.delete(writer, key, hashRecord(key, encodeSubscription(subscription)));
    return this.#index.remove(session, filter);
  }

  end(session: StoredSession, writer: StateWriter): void {
    this.#expiry.remove(session);
    for (const filter of [...session.subscriptions.keys()]) {
      this.unsubscribe(session, filter, writer);
    }
    for (const { seq } of session.queue.values()) {
      const entry = session.complete(seq);
      if (entry !== null) this.#messages.release(entry, writer);
    }
    const { clientId, headHash, cursorHash } = session;
    if (headHash !== null) this.#records.delete(writer, recordPrefix.session + clientId, headHash);
    if (cursorHash !== null) {
      this.#records.delete(writer, recordPrefix.cursor + clientId, cursorHash);
    }
    this.#sessions.delete(clientId);
  }

  writeCursor(session: StoredSession, writer: StateWriter): void {
    const key = recordPrefix.cursor + session.clientId;
    session.cursorHash = this.#records.put(writer, key, encodeCursor(session), session.cursorHash);
  }

  /** When the next session ends; Infinity when none does. */
  nextExpiryMs(): number {
    return this.#expiry.firstMs();
  }

  firstExpired(nowMs: number): StoredSession | null {
    return this.#expiry.firstMs() <= nowMs ? this.#expiry.first()! : null;
  }

  clear(): void {
    this.#sessions.clear();
    this.#expiry.clear();
  }

  #writeHead(session: StoredSession, writer: StateWriter): void {
    const key = recordPrefix.session + session.clientId;
    session.headHash = this.#records.put(writer, key, this.#headOf(session), session.headHash);
    this.#schedule(session);
  }

  /** Bounds that are the usual ones are not written: such a record is as it was before there were others. */
  #headOf(session: StoredSession): Buffer {
    return encodeHead(session, areEqualBounds(session.bounds, this.#usualBounds));
  }

  #schedule(session: StoredSession): void {
    this.#expiry.remove(session);
    session.expiresAtMs = Number.POSITIVE_INFINITY;
    const { isConnected, expirySeconds, disconnectedAtMs } = session;
    if (isConnected || expirySeconds === neverExpires) return;
    session.expiresAtMs = disconnectedAtMs + expirySeconds * 1000;
    this.#expiry.add(session);
  }
}

/** MQTT forbids U+0000 in client identifiers and filters alike. */
function subscriptionKey({ clientId }: StoredSession, filter: string): string {
  return `${recordPrefix.subscription}${clientId}\u0000${filter}`;
}
