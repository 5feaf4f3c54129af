import type { StateWriter } from "#cluster";
import type { ReplicaLimits } from "../limits.ts";
import type { MessageStore } from "./message-store.ts";
import type { QueueBounds } from "./queue-bounds.ts";
import type { SessionTable } from "./session-table.ts";
import { endsAtMs, type QueuedMessage, type StoredSession } from "./stored-session.ts";

/**
 * Why a session does not get a message: too many wait, or too many bytes. Why it lost one: its own expiry interval passed, or it has
 * waited longer than the session bears.
 */
export type SessionDropReason = "full" | "size" | "expired" | "age";

/** What the view counts and tells; called while a command is being applied. */
export interface SessionEvents {
  /** A place in the queue of a session that is connected. */
  queued(entry: QueuedMessage): void;
  /** A connected session loses a message that waits for it, to make room. */
  discarded(entry: QueuedMessage): void;
  dropped(reason: SessionDropReason, count: number): void;
}

/** The queues of the stored sessions: what comes into them and leaves them, within their bounds. */
export class SessionQueues {
  readonly #limits: ReplicaLimits;
  readonly #table: SessionTable;
  readonly #messages: MessageStore;
  readonly #events: SessionEvents;

  constructor(
    limits: ReplicaLimits,
    table: SessionTable,
    messages: MessageStore,
    events: SessionEvents,
  ) {
    this.#limits = limits;
    this.#table = table;
    this.#messages = messages;
    this.#events = events;
  }

  hasRoomFor(session: StoredSession, sizeBytes: number): boolean {
    return this.#lackOf(session, sizeBytes) === null;
  }

  /** Gives up the oldest for it where the session wants that; false when there is no room, which is counted. */
  makeRoomFor(session: StoredSession, sizeBytes: number, writer: StateWriter): boolean {
    let lack = this.#lackOf(session, sizeBytes);
    while (lack !== null) {
      const isHopeless = sizeBytes > this.#boundsOf(session).sizeBytesMax;
      const isWanted = session.bounds.isOldestDropped && !isHopeless;
      const oldest = isWanted ? session.oldestDispensable() : null;
      this.dropped(lack, 1);
      if (oldest === null) return false;
      if (session.isConnected) this.#events.discarded(oldest);
      this.complete(session, oldest.seq, writer);
      this.#table.writeCursor(session, writer);
      lack = this.#lackOf(session, sizeBytes);
    }
    return true;
  }

  /** For the retained messages of one more subscription, however many they are. */
  hasRoomForRetained(session: StoredSession): boolean {
    const { messagesMax, sizeBytesMax } = this.#boundsOf(session);
    return session.retainedCount < messagesMax && session.retainedSizeBytes < sizeBytesMax;
  }

  enqueue(entry: QueuedMessage): void {
    entry.session.add(entry);
    this.#messages.schedule(entry);
    if (entry.session.isConnected) this.#events.queued(entry);
  }

  /** A place for a message that was stored before. The caller writes the cursor. */
  place(entry: QueuedMessage, writer: StateWriter): void {
    this.#messages.writePlace(entry, writer);
    this.enqueue(entry);
  }

  /** Done with, for whatever reason; harmless when it was before. The caller writes the cursor. */
  complete(session: StoredSession, seq: number, writer: StateWriter): void {
    const entry = session.complete(seq);
    if (entry !== null) this.#messages.release(entry, writer);
  }

  /** Messages that became too old while their client was connected and did not take them. */
  dropTooOld(session: StoredSession, nowMs: number, writer: StateWriter): void {
    const tooOld: QueuedMessage[] = [];
    for (const entry of session.queue.values()) {
      // While it was connected nobody looked, and its bounds may have changed.
      if (endsAtMs(entry) > nowMs) this.#messages.schedule(entry);
      else if (!session.hasBegun(entry)) tooOld.push(entry);
    }
    if (tooOld.length > 0) this.#drop(session, tooOld, nowMs, writer);
  }

  /** Takes messages that are too old from the queues of those who are away: a bounded number of messages. */
  purgeTooOld(nowMs: number, writer: StateWriter): void {
    let messages = 0;
    while (messages < this.#limits.expiredPerApplyMax) {
      const stored = this.#messages.takeExpired(nowMs);
      if (stored === null) return;
      const away: QueuedMessage[] = [];
      stored.places.forEach((_, entry) => {
        const { session } = entry;
        const isAway = !session.isConnected && !session.hasBegun(entry);
        if (isAway && endsAtMs(entry) <= nowMs) away.push(entry);
      });
      messages++;
      away.sort((a, b) => a.session.number - b.session.number);
      for (const entry of away) this.#drop(entry.session, [entry], nowMs, writer);
    }
  }

  dropped(reason: SessionDropReason, count: number): void {
    if (count > 0) this.#events.dropped(reason, count);
  }

  /** Copies of retained messages have room of their own: however many a SUBSCRIBE asked for, what is published comes, too. */
  #lackOf(session: StoredSession, sizeBytes: number): "full" | "size" | null {
    const { messagesMax, sizeBytesMax } = this.#boundsOf(session);
    if (session.queue.size - session.retainedCount >= messagesMax) return "full";
    const publishedSizeBytes = session.queuedSizeBytes - session.retainedSizeBytes;
    return publishedSizeBytes + sizeBytes > sizeBytesMax ? "size" : null;
  }

  /** What is under way to a client is in its queue, too, and no client gets anything without being given some. */
  #boundsOf({
    bounds,
    isConnected,
  }: StoredSession): Pick<QueueBounds, "messagesMax" | "sizeBytesMax"> {
    if (!isConnected) return bounds;
    const { underWayMessagesMax, underWaySizeBytesMax } = this.#limits;
    return {
      messagesMax: Math.max(bounds.messagesMax, underWayMessagesMax),
      sizeBytesMax: Math.max(bounds.sizeBytesMax, underWaySizeBytesMax),
    };
  }

  #drop(
    session: StoredSession,
    tooOld: readonly QueuedMessage[],
    nowMs: number,
    writer: StateWriter,
  ): void {
    for (const { seq, stored } of tooOld) {
      this.complete(session, seq, writer);
      this.dropped(stored.messageEndsAtMs <= nowMs ? "expired" : "age", 1);
    }
    this.#table.writeCursor(session, writer);
  }
}
