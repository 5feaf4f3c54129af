import type { CommandContext, StateWriter } from "#cluster";
import type { ApplicationMessage } from "../../mqtt/message.ts";
import type { Qos } from "../../mqtt/packets.ts";
import type { Subscription } from "../../session/session-api.ts";
import type { RecordHash } from "../digest.ts";
import type { ReplicaLimits } from "../limits.ts";
import type { StateRecords } from "../records.ts";
import type { RetainedView } from "../retained-view.ts";
import { chooseMember, type Share } from "./group-choice.ts";
import { GroupShares } from "./group-shares.ts";
import { MessageStore } from "./message-store.ts";
import { usualBounds } from "./queue-bounds.ts";
import { RetainedCopies } from "./retained-copies.ts";
import type { SessionSettlement } from "./session-commands.ts";
import { type SessionEvents, SessionQueues } from "./session-queues.ts";
import { SessionRestorer } from "./session-restorer.ts";
import { type ConnectionEnd, type ConnectionStart, SessionTable } from "./session-table.ts";
import { storedSizeBytes } from "./stored-message.ts";
import type { StoredSession } from "./stored-session.ts";
import { type Match, SubscriptionIndex } from "./subscription-index.ts";

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
  readonly #index = new SubscriptionIndex();
  readonly #messages: MessageStore;
  readonly #table: SessionTable;
  readonly #queues: SessionQueues;
  readonly #shares: GroupShares;
  readonly #copies: RetainedCopies;
  readonly #restorer: SessionRestorer;
  #expiredCount = 0;

  constructor(
    records: StateRecords,
    limits: ReplicaLimits,
    retained: RetainedView,
    events: SessionEvents,
  ) {
    this.#limits = limits;
    this.#messages = new MessageStore(records, limits);
    const usual = usualBounds(limits);
    this.#table = new SessionTable(records, this.#index, this.#messages, usual);
    this.#queues = new SessionQueues(limits, this.#table, this.#messages, events);
    this.#shares = new GroupShares(this.#index, this.#table, this.#queues);
    this.#copies = new RetainedCopies(retained, this.#table, this.#messages, this.#queues);
    this.#restorer = new SessionRestorer(this.#table, this.#index, this.#messages, usual);
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

  /** May change while it is walked. */
  ids(): Iterable<string> {
    return this.#table.ids();
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
    claim: ConnectionStart & { readonly isEnded: boolean },
    context: CommandContext,
    writer: StateWriter,
  ): boolean {
    const existing = this.#table.get(clientId);
    // Taken over: nobody says how much the old connection has sent.
    if (existing?.isConnected) existing.sentSeq = existing.nextSeq - 1;
    if (existing !== null && claim.isEnded) this.end(existing, context, writer);
    const session = this.#table.get(clientId);
    if (session === null && claim.expirySeconds === 0) return false;
    const connected = session ?? this.#table.begin(clientId, claim.epoch);
    this.#table.connected(connected, claim, writer);
    if (session !== null) this.#shares.gather(session.subscriptions.keys(), context, writer);
    return session !== null;
  }

  /** Its interval has passed, though it has not been ended yet. */
  isOver(clientId: string, nowMs: number): boolean {
    const session = this.#table.get(clientId);
    return session !== null && !session.isConnected && session.expiresAtMs <= nowMs;
  }

  /** Its connection ended. With interval 0 the session ends, too. */
  disconnect(
    session: StoredSession,
    end: ConnectionEnd,
    context: CommandContext,
    writer: StateWriter,
  ): void {
    this.#table.disconnected(session, end, context.timeMs, writer);
    if (end.expirySeconds === 0) {
      this.end(session, context, writer);
      return;
    }
    this.#queues.dropTooOld(session, context.timeMs, writer);
    this.#shares.handOver(session, context, writer);
  }

  end(session: StoredSession, context: CommandContext, writer: StateWriter): void {
    this.#shares.bequeath(session, context, writer);
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
      this.#copies.queue(session, subscription, isNew, context, writer);
      this.#shares.gather([subscription.filter], context, writer);
      return true;
    });
  }

  /** One answer for each: false when there was no such subscription. What is queued stays. */
  unsubscribe(session: StoredSession, filters: readonly string[], writer: StateWriter): boolean[] {
    return filters.map((filter) => this.#table.unsubscribe(session, filter, writer));
  }

  /** A message for everyone who subscribed before it, at the QoS that it was published with. */
  store(
    message: ApplicationMessage,
    share: Share,
    context: CommandContext,
    writer: StateWriter,
  ): StoreOutcome {
    if (message.qos === 0 || this.#index.count === 0) return { stored: 0, isFull: false };
    const { topic, publisherId, retain } = message;
    const sizeBytes = storedSizeBytes(message);
    const choose = (members: readonly StoredSession[]): StoredSession | null =>
      chooseMember(
        members.filter((member) => this.#queues.hasRoomFor(member, sizeBytes)),
        topic,
        share,
      ) ?? chooseMember(members, topic, share);
    const matches = this.#index.match(topic, publisherId, retain, choose);
    if (matches.length === 0) return { stored: 0, isFull: false };
    if (!this.#messages.hasRoomFor(sizeBytes)) return { stored: 0, isFull: true };
    const admitted = matches.filter(({ session }) =>
      this.#queues.makeRoomFor(session, sizeBytes, writer),
    );
    if (admitted.length > 0) this.#add(message, admitted, context, writer);
    return { stored: admitted.length, isFull: false };
  }

  /** What a client has acknowledged since; harmless when it comes again. */
  settle(session: StoredSession, settlement: SessionSettlement, writer: StateWriter): void {
    for (const seq of settlement.completed) this.#queues.complete(session, seq, writer);
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
  endExpired(context: CommandContext, writer: StateWriter): boolean {
    const session = this.#table.firstExpired(context.timeMs);
    if (session === null) return false;
    this.#expiredCount++;
    this.end(session, context, writer);
    return true;
  }

  /** Takes messages that are too old from the queues of those who are away: a bounded number of messages. */
  purgeTooOld(nowMs: number, writer: StateWriter): void {
    this.#queues.purgeTooOld(nowMs, writer);
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

  #add(
    message: ApplicationMessage,
    matches: readonly Match[],
    context: CommandContext,
    writer: StateWriter,
  ): void {
    // A session stands twice among several that matches through a group and by itself.
    const given = matches.length > 1 ? new Map<StoredSession, number>() : null;
    let isPassing = true;
    const recipients = matches.map(({ session, qos, retain, identifiers, group }) => {
      const seq = given?.get(session) ?? session.nextSeq;
      given?.set(session, seq + 1);
      isPassing = isPassing && session.isConnected;
      const lower = Math.min(qos, message.qos) as Qos;
      return { sessionNumber: session.number, seq, qos: lower, retain, identifiers, group };
    });
    const stored = this.#messages.add(message, recipients, isPassing, context, writer);
    for (let at = 0; at < matches.length; at++) {
      const { session } = matches[at]!;
      const { seq, qos, retain, identifiers, group } = recipients[at]!;
      const place = { session, seq, stored, qos, retain, identifiers, group, isPlaced: false };
      this.#queues.enqueue(place);
    }
  }
}
