import type { CommandContext, StateWriter } from "#cluster";
import type { ApplicationMessage } from "../../mqtt/message.ts";
import type { Qos } from "../../mqtt/packets.ts";
import { parseSharedFilter } from "../../mqtt/topic.ts";
import type { Subscription } from "../../session/session-api.ts";
import type { RecordHash } from "../digest.ts";
import type { ReplicaLimits } from "../limits.ts";
import type { StateRecords } from "../records.ts";
import type { RetainedView } from "../retained-view.ts";
import { fewestQueued } from "./group-choice.ts";
import { MessageStore } from "./message-store.ts";
import type { SessionSettlement } from "./session-commands.ts";
import { SessionRestorer } from "./session-restorer.ts";
import { type ConnectionEnd, SessionTable } from "./session-table.ts";
import { storedSizeBytes } from "./stored-message.ts";
import type { QueuedMessage, StoredSession } from "./stored-session.ts";
import { type Match, SubscriptionIndex } from "./subscription-index.ts";

/** What the view counts and tells; called while a command is being applied. */
export interface SessionEvents {
  /** A place in the queue of a session that is connected. */
  queued(entry: QueuedMessage): void;
  /** A session did not get a message, because its queue was full, or lost one that was too old. */
  dropped(reason: "full" | "expired", count: number): void;
}

/** What became of a message. */
export interface StoreOutcome {
  /** Sessions that got it. */
  readonly stored: number;
  /** The store is full: nobody got it. */
  readonly isFull: boolean;
}

/**
 * The sessions that outlive their connections: subscriptions, queues and what has been delivered. A message is held once; a place
 * in a queue refers to it.
 */
export class SessionView {
  readonly #limits: ReplicaLimits;
  readonly #retained: RetainedView;
  readonly #events: SessionEvents;
  readonly #index = new SubscriptionIndex();
  readonly #messages: MessageStore;
  readonly #table: SessionTable;
  readonly #restorer: SessionRestorer;
  #expiredCount = 0;

  constructor(
    records: StateRecords,
    limits: ReplicaLimits,
    retained: RetainedView,
    events: SessionEvents,
  ) {
    this.#limits = limits;
    this.#retained = retained;
    this.#events = events;
    this.#messages = new MessageStore(records, limits);
    this.#table = new SessionTable(records, this.#index, this.#messages);
    this.#restorer = new SessionRestorer(this.#table, this.#index, this.#messages);
  }

  get count(): number {
    return this.#table.count;
  }

  get subscriptionCount(): number {
    return this.#index.count;
  }

  get messageCount(): number {
    return this.#messages.count;
  }

  get messagesSizeBytes(): number {
    return this.#messages.sizeBytes;
  }

  get expiredCount(): number {
    return this.#expiredCount;
  }

  get(clientId: string): StoredSession | null {
    return this.#table.get(clientId);
  }

  /** Whether a message of this topic at QoS > 0 must go to the log for the sake of a session. */
  isStored(topic: string): boolean {
    return this.#index.isStored(topic);
  }

  /** Whether a shared subscription has members here, who then share it among themselves. */
  hasGroup(key: string): boolean {
    return this.#index.membersOf(key).length > 0;
  }

  hasRoom(): boolean {
    return this.#table.count < this.#limits.storedSessionsMax;
  }

  /**
   * A claim: ends what a clean start or a passed-over session leaves behind, and answers whether there is a session to carry on
   * with. One that is to outlive its connection begins here.
   */
  connect(
    clientId: string,
    claim: { readonly epoch: number; readonly cleanStart: boolean; readonly expirySeconds: number },
    context: CommandContext,
    writer: StateWriter,
  ): boolean {
    const existing = this.#table.get(clientId);
    // One with interval 0 ended when its connection did, which this claim says.
    const isOver = existing?.isConnected === true && existing.expirySeconds === 0;
    if (existing !== null && (claim.cleanStart || isOver)) this.end(existing, writer);
    const session = this.#table.get(clientId);
    if (session === null && claim.expirySeconds === 0) return false;
    const connected = session ?? this.#table.begin(clientId, claim.epoch);
    this.#table.connected(connected, claim.epoch, claim.expirySeconds, writer);
    if (session !== null) this.#gather(session, context, writer);
    return session !== null;
  }

  /** Its connection ended. With interval 0 the session ends, too. */
  disconnect(
    session: StoredSession,
    end: ConnectionEnd,
    context: CommandContext,
    writer: StateWriter,
  ): void {
    this.#table.disconnected(session, end, context.timeMs, writer);
    this.#handOver(session, context, writer);
    if (end.expirySeconds === 0) {
      this.end(session, writer);
      return;
    }
    this.#dropTooOld(session, context.timeMs, writer);
  }

  end(session: StoredSession, writer: StateWriter): void {
    this.#table.end(session, writer);
  }

  /** One answer for each: false when the session has too many. */
  subscribe(
    session: StoredSession,
    subscriptions: readonly Subscription[],
    context: CommandContext,
    writer: StateWriter,
  ): boolean[] {
    return subscriptions.map((subscription) => {
      const isNew = !session.subscriptions.has(subscription.filter);
      const { subscriptionsPerSessionMax } = this.#limits;
      if (isNew && session.subscriptions.size >= subscriptionsPerSessionMax) return false;
      this.#table.subscribe(session, subscription, writer);
      this.#queueRetained(session, subscription, isNew, context, writer);
      return true;
    });
  }

  /** One answer for each: false when there was no such subscription. What is queued stays. */
  unsubscribe(session: StoredSession, filters: readonly string[], writer: StateWriter): boolean[] {
    return filters.map((filter) => this.#table.unsubscribe(session, filter, writer));
  }

  /** A message for everyone who subscribed before it, at the QoS that it was published with. */
  store(message: ApplicationMessage, context: CommandContext, writer: StateWriter): StoreOutcome {
    if (message.qos === 0 || this.#index.count === 0) return { stored: 0, isFull: false };
    const { topic, publisherId, retain } = message;
    const choose = fewestQueued(context, null);
    const matches = this.#index.match(topic, publisherId, retain, choose);
    if (matches.length === 0) return { stored: 0, isFull: false };
    const sizeBytes = storedSizeBytes(message);
    if (!this.#messages.hasRoomFor(sizeBytes)) return { stored: 0, isFull: true };
    const admitted = matches.filter(({ session }) => this.#hasRoomFor(session, sizeBytes));
    this.#dropped("full", matches.length - admitted.length);
    if (admitted.length > 0) this.#add(message, admitted, context, writer);
    return { stored: admitted.length, isFull: false };
  }

  /** What a client has acknowledged since; harmless when it comes again. */
  settle(session: StoredSession, settlement: SessionSettlement, writer: StateWriter): void {
    for (const seq of settlement.completed) {
      const entry = session.complete(seq);
      if (entry !== null) this.#messages.release(entry, writer);
    }
    for (const seq of settlement.received) if (session.queue.has(seq)) session.received.add(seq);
    for (const packetId of settlement.released) session.inboundQos2.delete(packetId);
    this.#table.writeCursor(session, writer);
  }

  /** A QoS 2 message of this session's client is published; false when it had been before. */
  receive(session: StoredSession, packetId: number, writer: StateWriter): boolean {
    if (session.inboundQos2.has(packetId)) return false;
    session.inboundQos2.add(packetId);
    this.#table.writeCursor(session, writer);
    return true;
  }

  /** When something ends next; Infinity when nothing does. */
  nextDueMs(): number {
    return Math.min(this.#table.nextExpiryMs(), this.#messages.nextExpiryMs());
  }

  /** Ends one session whose interval has passed; false when there is none. */
  endExpired(nowMs: number, writer: StateWriter): boolean {
    const session = this.#table.firstExpired(nowMs);
    if (session === null) return false;
    this.#expiredCount++;
    this.end(session, writer);
    return true;
  }

  /** Takes messages that are too old from the queues of those who are away: a bounded number of messages. */
  purgeTooOld(nowMs: number, writer: StateWriter): void {
    let messages = 0;
    while (messages < this.#limits.expiredPerApplyMax) {
      const stored = this.#messages.takeExpired(nowMs);
      if (stored === null) return;
      const away = [...stored.places].filter(
        ({ session, seq }) => !session.isConnected && !session.received.has(seq),
      );
      // One that only the connected wait for does not count: a replica that has just started meets it again.
      if (away.length === 0) continue;
      messages++;
      away.sort((a, b) => a.session.number - b.session.number);
      for (const { session, seq } of away) this.#drop(session, [seq], writer);
    }
  }

  /** False for a record that cannot be read, or is not of this view. */
  restore(prefix: string, rest: string, value: Uint8Array, hash: RecordHash): boolean {
    return this.#restorer.restore(prefix, rest, value, hash);
  }

  /** All records are there: ties them together. Answers how many of them fit nowhere. */
  restored(): number {
    return this.#restorer.finish();
  }

  clear(): void {
    this.#table.clear();
    this.#index.clear();
    this.#messages.clear();
    this.#restorer.clear();
  }

  #hasRoomFor({ queue, queuedSizeBytes }: StoredSession, sizeBytes: number): boolean {
    const { queuedMessagesMax, queuedSizeBytesMax } = this.#limits;
    return queue.size < queuedMessagesMax && queuedSizeBytes + sizeBytes <= queuedSizeBytesMax;
  }

  #add(
    message: ApplicationMessage,
    matches: readonly Match[],
    context: CommandContext,
    writer: StateWriter,
  ): void {
    // Twice for a session that matches through a group and by itself.
    const given = new Map<StoredSession, number>();
    const recipients = matches.map(({ session, qos, retain, identifiers, group }) => {
      const seq = given.get(session) ?? session.nextSeq;
      given.set(session, seq + 1);
      const lower = Math.min(qos, message.qos) as Qos;
      return { sessionNumber: session.number, seq, qos: lower, retain, identifiers, group };
    });
    const id = this.#messages.nextId(context);
    const stored = this.#messages.add(id, message, recipients, context, writer);
    matches.forEach(({ session }, at) => {
      const { sessionNumber: _, ...place } = recipients[at]!;
      this.#enqueue({ ...place, session, stored, isPlaced: false });
    });
  }

  #enqueue(entry: QueuedMessage): void {
    entry.session.add(entry);
    if (entry.session.isConnected) this.#events.queued(entry);
  }

  /** [MQTT-3.3.1-9] to [MQTT-3.3.1-11]; never for shared subscriptions (section 4.8.2). */
  #queueRetained(
    session: StoredSession,
    subscription: Subscription,
    isNew: boolean,
    context: CommandContext,
    writer: StateWriter,
  ): void {
    const { filter, qos, retainHandling, identifier } = subscription;
    const isWanted = retainHandling === 0 || (retainHandling === 1 && isNew);
    if (!isWanted || qos === 0 || parseSharedFilter(filter) !== null) return;
    const found: ApplicationMessage[] = [];
    this.#retained.match(filter, context.timeMs, (message) => {
      if (message.qos > 0) found.push(message);
    });
    found.sort((a, b) => (a.topic < b.topic ? -1 : 1));
    const identifiers = identifier === 0 ? [] : [identifier];
    for (const message of found) {
      // The same for everyone who subscribes while it is the retained one, so that it is stored once.
      const id = `r${message.version}/${message.topic}`;
      const known = this.#messages.get(id);
      if (known === undefined && !this.#messages.hasRoomFor(storedSizeBytes(message))) {
        this.#dropped("full", 1);
        continue;
      }
      const stored = known ?? this.#messages.add(id, message, [], context, writer);
      const lower = Math.min(qos, message.qos) as Qos;
      const { nextSeq: seq } = session;
      const place = { session, seq, stored, qos: lower, retain: true, identifiers, group: null };
      this.#place({ ...place, isPlaced: true }, writer);
    }
    if (found.length > 0) this.#table.writeCursor(session, writer);
  }

  #place(entry: QueuedMessage, writer: StateWriter): void {
    this.#messages.writePlace(entry, writer);
    this.#enqueue(entry);
  }

  /** What this session got as a member of groups goes to other members, as far as it may and somebody is there. */
  #handOver(session: StoredSession, context: CommandContext, writer: StateWriter): void {
    this.#moveShares(session, context, writer, (member) => member.isConnected);
  }

  /** What the groups of this session have left with members who are away comes to those who are here. */
  #gather(session: StoredSession, context: CommandContext, writer: StateWriter): void {
    for (const filter of session.subscriptions.keys()) {
      for (const member of this.#index.membersOf(filter)) {
        if (!member.isConnected) {
          this.#moveShares(member, context, writer, (other) => other.isConnected, filter);
        }
      }
    }
  }

  /** QoS 2 stays: the client may have it already, and nobody else may get it then [MQTT-4.8.2-4] [MQTT-4.8.2-5]. */
  #moveShares(
    from: StoredSession,
    context: CommandContext,
    writer: StateWriter,
    isWanted: (member: StoredSession) => boolean,
    onlyGroup: string | null = null,
  ): void {
    let isMoved = false;
    for (const entry of [...from.queue.values()]) {
      const { group, qos, stored } = entry;
      if (group === null || qos !== 1 || (onlyGroup !== null && group !== onlyGroup)) continue;
      const members = this.#index
        .membersOf(group)
        .filter((member) => isWanted(member) && this.#hasRoomFor(member, stored.sizeBytes));
      const to = fewestQueued(context, from)(members, group);
      if (to === null) continue;
      this.#place({ ...entry, session: to, seq: to.nextSeq, isPlaced: true }, writer);
      from.complete(entry.seq);
      this.#messages.release(entry, writer);
      this.#table.writeCursor(to, writer);
      isMoved = true;
    }
    if (isMoved) this.#table.writeCursor(from, writer);
  }

  /** Messages that became too old while their client was connected and did not take them. */
  #dropTooOld(session: StoredSession, nowMs: number, writer: StateWriter): void {
    const tooOld = [...session.queue.values()]
      .filter(({ seq, stored }) => stored.expiresAtMs <= nowMs && !session.received.has(seq))
      .map(({ seq }) => seq);
    if (tooOld.length > 0) this.#drop(session, tooOld, writer);
  }

  #drop(session: StoredSession, seqs: readonly number[], writer: StateWriter): void {
    for (const seq of seqs) {
      const entry = session.complete(seq);
      if (entry !== null) this.#messages.release(entry, writer);
    }
    this.#table.writeCursor(session, writer);
    this.#dropped("expired", seqs.length);
  }

  #dropped(reason: "full" | "expired", count: number): void {
    if (count > 0) this.#events.dropped(reason, count);
  }
}
