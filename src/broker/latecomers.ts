import type { ApplicationMessage } from "../mqtt/message.ts";
import { matches } from "../mqtt/topic.ts";
import type { BrokerContext } from "./context.ts";
import type { SentCopies } from "./sent-copies.ts";
import type { Hold, SessionEntry } from "./session-entry.ts";

/**
 * For a while after a SUBSCRIBE, turns away live messages that were committed before the SUBACK, or that the client got as a retained copy
 * or newer: it is not owed them, and it would see its topics go back.
 */
export class Latecomers implements Hold {
  readonly #context: BrokerContext;
  readonly #entry: SessionEntry;
  readonly #sent: SentCopies;
  #filters: readonly string[];

  constructor(
    context: BrokerContext,
    entry: SessionEntry,
    filters: readonly string[],
    sent: SentCopies,
  ) {
    this.#context = context;
    this.#entry = entry;
    this.#filters = filters;
    this.#sent = sent;
  }

  /** True: taken, which here means dropped. An older subscription to the same topic wants every message. */
  offer(message: ApplicationMessage): boolean {
    const { topic } = message;
    if (!this.#filters.some((filter) => matches(filter, topic))) return false;
    if (!this.#sent.outdates(message)) {
      this.#sent.followed(message);
      return false;
    }
    if (this.#entry.hasSubscriptionFor(topic, new Set(this.#filters))) return false;
    this.#context.counters.heldSuperseded++;
    return true;
  }

  pump(): void {}

  unsubscribed(filter: string): void {
    this.#filters = this.#filters.filter((kept) => kept !== filter);
  }
}
