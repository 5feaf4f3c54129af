import type { ApplicationMessage } from "../mqtt/message.ts";
import { matches } from "../mqtt/topic.ts";
import type { BrokerContext } from "./context.ts";
import type { Hold, SessionEntry } from "./session-entry.ts";

/**
 * For a while after a SUBSCRIBE, turns away live messages that the log holds at or below the newest retained copy that the
 * client got: they were committed before the SUBACK, so the client is not owed them, and it would see its topics go back.
 */
export class Latecomers implements Hold {
  readonly #context: BrokerContext;
  readonly #entry: SessionEntry;
  readonly #newestVersion: number;
  #filters: readonly string[];

  constructor(
    context: BrokerContext,
    entry: SessionEntry,
    filters: readonly string[],
    newestVersion: number,
  ) {
    this.#context = context;
    this.#entry = entry;
    this.#filters = filters;
    this.#newestVersion = newestVersion;
  }

  /** True: taken, which here means dropped. An older subscription to the same topic wants every message. */
  offer({ topic, version }: ApplicationMessage): boolean {
    if (version === 0 || version > this.#newestVersion) return false;
    if (!this.#filters.some((filter) => matches(filter, topic))) return false;
    if (this.#entry.hasSubscriptionFor(topic, new Set(this.#filters))) return false;
    this.#context.counters.heldSuperseded++;
    return true;
  }

  pump(): void {}

  unsubscribed(filter: string): void {
    this.#filters = this.#filters.filter((kept) => kept !== filter);
  }
}
