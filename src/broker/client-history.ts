import type { ClientEvent, ClientEventName } from "../api/client-ports.ts";
import type { BrokerCounters } from "./counters.ts";
import { clientEventsMax, clientHistoriesMax } from "./limits.ts";

/** Characters of what is said about one. */
const detailLengthMax = 300;

/** What happened to the clients of this node lately, for whoever looks for a fault. In memory only. */
export class ClientHistory {
  /** The client that was heard of last comes last. */
  readonly #events = new Map<string, readonly ClientEvent[]>();
  readonly #wallMs: () => number;
  readonly #counters: BrokerCounters;

  constructor(wallMs: () => number, counters: BrokerCounters) {
    this.#counters = counters;
    this.#wallMs = wallMs;
  }

  add(clientId: string, event: ClientEventName, detail: string): void {
    const events = this.#events.get(clientId) ?? [];
    this.#events.delete(clientId);
    const latest = { timeMs: this.#wallMs(), event, detail: detail.slice(0, detailLengthMax) };
    // A copy is as long as need be; an array that is pushed into keeps room for sixteen more, for each client there was.
    this.#events.set(clientId, [...events.slice(1 - clientEventsMax), latest]);
    if (this.#events.size > clientHistoriesMax) {
      const [oldest = ""] = this.#events.keys();
      this.#events.delete(oldest);
      this.#counters.clientHistoriesForgotten++;
    }
  }

  /** Oldest first. */
  of(clientId: string): readonly ClientEvent[] {
    return this.#events.get(clientId) ?? [];
  }
}
