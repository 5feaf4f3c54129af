import type { QueuedMessage, StoredSession } from "../replica/sessions/stored-session.ts";
import type { StoredDelivery } from "../session/session-api.ts";
import type { BrokerContext } from "./context.ts";
import type { SessionEntry } from "./session-entry.ts";
import type { SessionRegistry } from "./session-registry.ts";

/** What the log has queued for stored sessions that are connected here goes to them, in the order of the log. */
export class StoredDeliveries {
  readonly #context: BrokerContext;
  readonly #registry: SessionRegistry;
  #waiting: QueuedMessage[] = [];

  constructor(context: BrokerContext, registry: SessionRegistry) {
    this.#context = context;
    this.#registry = registry;
  }

  start(): void {
    const { replica, clock } = this.#context;
    replica.onQueued((queued) => {
      // Few of the cluster's sessions are here; what is not costs one look.
      if (this.#registry.get(queued.session.clientId) === null) return;
      this.#waiting.push(queued);
      if (this.#waiting.length === 1) clock.endOfTurn(() => this.#deliverWaiting());
    });
    replica.onDiscarded(({ session, seq }) => {
      const entry = this.#registry.get(session.clientId);
      if (entry !== null && entry.epoch === session.epoch) entry.session.storedDiscarded(seq);
    });
    replica.onReplaced(() => {
      clock.endOfTurn(() => this.#catchUp());
    });
  }

  /** Everything that waits for the client, before its connection is attached. */
  fill(entry: SessionEntry, stored: StoredSession): void {
    for (const queued of stored.queue.values()) this.#deliver(entry, queued);
  }

  #deliverWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const queued of waiting) {
      const entry = this.#registry.get(queued.session.clientId);
      if (entry?.epoch === queued.session.epoch) this.#deliver(entry, queued);
    }
  }

  /** After a snapshot: what it brought and nobody was told of. */
  #catchUp(): void {
    for (const entry of this.#registry.all()) {
      const stored = this.#context.replica.sessions.get(entry.clientId);
      if (stored !== null && stored.epoch === entry.epoch) this.fill(entry, stored);
    }
  }

  #deliver(entry: SessionEntry, queued: QueuedMessage): void {
    const { seq, session } = queued;
    // Taken from the queue when the session came, or done with meanwhile.
    if (seq <= entry.storedSeq || session.isDone(seq)) return;
    entry.storedSeq = seq;
    entry.session.deliverStored(deliveryOf(queued), this.#context.clock.wallMs());
  }
}

function deliveryOf({
  seq,
  stored,
  qos,
  retain,
  identifiers,
  session,
}: QueuedMessage): StoredDelivery {
  return {
    ...{ seq, message: stored.message, qos, retain, identifiers },
    isRepeated: seq <= session.sentSeq,
    isReceived: session.received.has(seq),
  };
}
