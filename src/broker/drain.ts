import type { Cancel } from "#cluster";
import { ReasonCode } from "../mqtt/reason-code.ts";
import type { Connection } from "./connection.ts";
import type { BrokerContext } from "./context.ts";
import type { Disconnects } from "./disconnects.ts";
import type { SessionRegistry } from "./session-registry.ts";

/** How clients are to be moved away. */
export interface DrainOrder {
  readonly clientsPerSecond: number;
  /** Where clients may go now, HOST:PORT; asked for each. */
  readonly servers: () => readonly string[];
}

export interface DrainProgress {
  /** Clients that are still connected here, or about to be. */
  readonly clientsLeft: number;
  /** Since the drain began. */
  readonly clientsMoved: number;
  /** Ended connections of which the log does not know yet, so that their sessions count as connected here. */
  readonly clientsUnsettled: number;
}

/** What may be caught up after the loop stood still, in seconds' worth of clients. */
const burstSeconds = 0.25;

/**
 * Moves the clients of this node to others, a few at a time, so that those can take them: MQTT 5 clients are told where to go
 * (0x9C with a Server Reference, section 4.11), others are disconnected. Until it is cancelled nobody new comes in.
 */
export class Drain {
  readonly #context: BrokerContext;
  readonly #registry: SessionRegistry;
  readonly #connections: ReadonlySet<Connection>;
  readonly #disconnects: Disconnects;
  #order: DrainOrder | null = null;
  #disarm: Cancel | null = null;
  #movedCount = 0;
  /** Clients that may go now. */
  #credit = 0;
  #creditedAtMs = 0;
  /** Which server the next client is told first, so that they spread. */
  #next = 0;

  constructor(
    context: BrokerContext,
    registry: SessionRegistry,
    connections: ReadonlySet<Connection>,
    disconnects: Disconnects,
  ) {
    this.#context = context;
    this.#registry = registry;
    this.#connections = connections;
    this.#disconnects = disconnects;
  }

  get isOn(): boolean {
    return this.#order !== null;
  }

  /** Under way already: goes on by the new order. */
  begin(order: DrainOrder): void {
    if (this.#order === null) {
      this.#movedCount = 0;
      this.#credit = 0;
      this.#creditedAtMs = this.#context.clock.monotonicMs();
    }
    this.#order = order;
    if (this.#disarm === null) this.#arm();
  }

  /** Clients may come again; those that went do not come back by themselves. */
  cancel(): void {
    this.#order = null;
    this.#disarm?.();
    this.#disarm = null;
  }

  progress(): DrainProgress {
    let clientsLeft = 0;
    for (const { isOpen, isPending } of this.#connections) if (isOpen && !isPending) clientsLeft++;
    const clientsUnsettled = this.#disconnects.waiting;
    return { clientsLeft, clientsMoved: this.#movedCount, clientsUnsettled };
  }

  /** A CONNECT while it is on. */
  redirect(connection: Connection): void {
    const { counters } = this.#context;
    counters.connectsRefused++;
    counters.connectsRedirected++;
    connection.refuse(ReasonCode.useAnotherServer, this.#serverReference());
  }

  #arm(): void {
    const { wheel, limits } = this.#context;
    this.#disarm = wheel.after(limits.tickMs, () => {
      this.#moveSome();
      this.#arm();
    });
  }

  #moveSome(): void {
    let count = this.#takeCredit();
    if (count === 0) return;
    for (const entry of this.#registry.all()) {
      if (count === 0) return;
      if (entry.connection === null) continue;
      count--;
      this.#movedCount++;
      this.#context.counters.clientsDrained++;
      const detail = "the node is drained";
      entry.session.disconnect(ReasonCode.useAnotherServer, detail, this.#serverReference());
    }
  }

  /** Whole clients; what is left counts for the next time. */
  #takeCredit(): number {
    const clientsPerSecond = this.#order?.clientsPerSecond ?? 0;
    const nowMs = this.#context.clock.monotonicMs();
    const earned = ((nowMs - this.#creditedAtMs) / 1000) * clientsPerSecond;
    this.#creditedAtMs = nowMs;
    const creditMax = Math.max(1, clientsPerSecond * burstSeconds);
    this.#credit = Math.min(creditMax, this.#credit + earned);
    const count = Math.floor(this.#credit);
    this.#credit -= count;
    return count;
  }

  /** A list of servers separated by spaces (MQTT 5, section 4.11). */
  #serverReference(): string {
    const servers = this.#order?.servers() ?? [];
    const first = servers.length === 0 ? 0 : this.#next++ % servers.length;
    return [...servers.slice(first), ...servers.slice(0, first)]
      .slice(0, this.#context.limits.serverReferencesMax)
      .join(" ");
  }
}
