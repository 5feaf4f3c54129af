import type { StateWriter } from "#cluster";
import type { ReplicaLimits } from "../limits.ts";
import type { MessageStore } from "./message-store.ts";
import type { SessionTable } from "./session-table.ts";
import type { QueuedMessage, StoredSession } from "./stored-session.ts";

/** What the view counts and tells; called while a command is being applied. */
export interface SessionEvents {
  /** A place in the queue of a session that is connected. */
  queued(entry: QueuedMessage): void;
  /** A session did not get a message, because its queue was full, or lost one that was too old. */
  dropped(reason: "full" | "expired", count: number): void;
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

  /** Copies of retained messages have room of their own: however many a SUBSCRIBE asked for, what is published comes, too. */
  hasRoomFor(session: StoredSession, sizeBytes: number): boolean {
    const { queuedMessagesMax, queuedSizeBytesMax } = this.#limits;
    const { queue, retainedCount, queuedSizeBytes, retainedSizeBytes } = session;
    const publishedSizeBytes = queuedSizeBytes - retainedSizeBytes;
    return (
      queue.size - retainedCount < queuedMessagesMax &&
      publishedSizeBytes + sizeBytes <= queuedSizeBytesMax
    );
  }

  /** For the retained messages of one more subscription, however many they are. */
  hasRoomForRetained({ retainedCount, retainedSizeBytes }: StoredSession): boolean {
    const { queuedMessagesMax, queuedSizeBytesMax } = this.#limits;
    return retainedCount < queuedMessagesMax && retainedSizeBytes < queuedSizeBytesMax;
  }

  enqueue(entry: QueuedMessage): void {
    entry.session.add(entry);
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
    const tooOld = [...session.queue.values()]
      .filter((entry) => entry.stored.expiresAtMs <= nowMs && !session.hasBegun(entry))
      .map(({ seq }) => seq);
    if (tooOld.length > 0) this.#drop(session, tooOld, writer);
  }

  /** Takes messages that are too old from the queues of those who are away: a bounded number of messages. */
  purgeTooOld(nowMs: number, writer: StateWriter): void {
    let messages = 0;
    while (messages < this.#limits.expiredPerApplyMax) {
      const stored = this.#messages.takeExpired(nowMs);
      if (stored === null) return;
      const away = [...stored.places].filter(
        (entry) => !entry.session.isConnected && !entry.session.hasBegun(entry),
      );
      // One that only the connected wait for does not count: a replica that has just started meets it again.
      if (away.length === 0) continue;
      messages++;
      away.sort((a, b) => a.session.number - b.session.number);
      for (const { session, seq } of away) this.#drop(session, [seq], writer);
    }
  }

  dropped(reason: "full" | "expired", count: number): void {
    if (count > 0) this.#events.dropped(reason, count);
  }

  #drop(session: StoredSession, seqs: readonly number[], writer: StateWriter): void {
    for (const seq of seqs) this.complete(session, seq, writer);
    this.#table.writeCursor(session, writer);
    this.dropped("expired", seqs.length);
  }
}
