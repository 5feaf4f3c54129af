import type { CommandContext, StateWriter } from "#cluster";
import type { ApplicationMessage } from "../../mqtt/message.ts";
import type { Qos } from "../../mqtt/packets.ts";
import { parseSharedFilter } from "../../mqtt/topic.ts";
import type { Subscription } from "../../session/session-api.ts";
import type { RetainedView } from "../retained-view.ts";
import type { MessageStore } from "./message-store.ts";
import type { SessionQueues } from "./session-queues.ts";
import type { SessionTable } from "./session-table.ts";
import { type StoredMessage, storedSizeBytes } from "./stored-message.ts";
import type { StoredSession } from "./stored-session.ts";

/** The retained messages that a SUBSCRIBE asks for, as places in the queue of its session. */
export class RetainedCopies {
  readonly #retained: RetainedView;
  readonly #table: SessionTable;
  readonly #messages: MessageStore;
  readonly #queues: SessionQueues;

  constructor(
    retained: RetainedView,
    table: SessionTable,
    messages: MessageStore,
    queues: SessionQueues,
  ) {
    this.#retained = retained;
    this.#table = table;
    this.#messages = messages;
    this.#queues = queues;
  }

  /** [MQTT-3.3.1-9] to [MQTT-3.3.1-11]; never for shared subscriptions (section 4.8.2). */
  queue(
    session: StoredSession,
    subscription: Subscription,
    isNew: boolean,
    context: CommandContext,
    writer: StateWriter,
  ): void {
    const { filter, qos, retainHandling, identifier } = subscription;
    const isWanted = retainHandling === 0 || (retainHandling === 1 && isNew);
    if (!isWanted || qos === 0 || parseSharedFilter(filter) !== null) return;
    // In the order of topics, which all replicas have.
    const forEach = (visit: (topic: string) => void): number =>
      this.#retained.matchPromised(filter, context.timeMs, visit);
    if (!this.#queues.hasRoomForRetained(session)) {
      const found = forEach(() => undefined);
      if (found > 0) this.#queues.dropped("full", found);
      return;
    }
    const identifiers = identifier === 0 ? [] : [identifier];
    const found = forEach((topic) => {
      const message = this.#retained.get(topic)!;
      const stored = this.#storedCopy(message, context, writer);
      if (stored === null) return;
      const lower = Math.min(qos, message.qos) as Qos;
      const { nextSeq: seq } = session;
      const place = { session, seq, stored, qos: lower, retain: true, identifiers, group: null };
      this.#queues.place({ ...place, isPlaced: true }, writer);
    });
    if (found > 0) this.#table.writeCursor(session, writer);
  }

  /** The same for everyone who subscribes while it is the retained one, so that it is stored once; null when there is no room. */
  #storedCopy(
    message: ApplicationMessage,
    context: CommandContext,
    writer: StateWriter,
  ): StoredMessage | null {
    const id = `r${message.version}/${message.topic}`;
    const known = this.#messages.get(id);
    if (known !== undefined && isSame(known.message, message)) return known;
    if (!this.#messages.hasRoomFor(storedSizeBytes(message))) {
      this.#queues.dropped("full", 1);
      return null;
    }
    // A topic that was cleared begins again with a version that it may have had within the same entries of the log.
    return this.#messages.addCopy(known === undefined ? id : null, message, context, writer);
  }
}

function isSame(a: ApplicationMessage, b: ApplicationMessage): boolean {
  return (
    a.receivedAtMs === b.receivedAtMs &&
    a.publisherId === b.publisherId &&
    a.payload.equals(b.payload)
  );
}
