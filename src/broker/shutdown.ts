import { ReasonCode } from "../mqtt/reason-code.ts";
import type { Connection } from "./connection.ts";
import type { BrokerContext } from "./context.ts";
import type { FlushList } from "./flush-list.ts";
import type { SessionRegistry } from "./session-registry.ts";

/** SIGTERM: every client hears that the server shuts down, so that it turns to another node at once. */
export class Shutdown {
  readonly #context: BrokerContext;
  readonly #registry: SessionRegistry;
  readonly #flushList: FlushList;

  constructor(context: BrokerContext, registry: SessionRegistry, flushList: FlushList) {
    this.#context = context;
    this.#registry = registry;
    this.#flushList = flushList;
  }

  async run(connections: ReadonlySet<Connection>, timeoutMs: number): Promise<void> {
    for (const entry of this.#registry.all()) {
      if (entry.connection) {
        entry.session.disconnect(ReasonCode.serverShuttingDown, "the node shuts down");
      }
    }
    for (const connection of connections) connection.close();
    this.#flushList.flushAll();
    const deadlineMs = this.#context.clock.monotonicMs() + timeoutMs;
    while (connections.size > 0 && this.#context.clock.monotonicMs() < deadlineMs) {
      await new Promise<void>((resolve) => {
        this.#context.clock.after(this.#context.limits.tickMs, resolve);
      });
    }
    for (const connection of connections) connection.channel.destroy();
    // What the ended connections proposed is awaited by the cluster's own stop; the links flush there as well.
  }
}
