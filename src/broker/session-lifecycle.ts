import { ReasonCode } from "../mqtt/reason-code.ts";
import type { Connection } from "./connection.ts";
import type { BrokerContext } from "./context.ts";
import type { Releases } from "./releases.ts";
import type { SessionEntry } from "./session-entry.ts";
import type { SessionRegistry } from "./session-registry.ts";
import type { SubscribeFlow } from "./subscribe.ts";
import type { Wills } from "./wills.ts";

const neverExpires = 0xffffffff;

/** How sessions lose their connection, wait for it, and end. */
export class SessionLifecycle {
  readonly #context: BrokerContext;
  readonly #registry: SessionRegistry;
  readonly #subscriptions: SubscribeFlow;
  readonly #wills: Wills;
  readonly #releases: Releases;

  constructor(
    context: BrokerContext,
    registry: SessionRegistry,
    subscriptions: SubscribeFlow,
    wills: Wills,
    releases: Releases,
  ) {
    this.#context = context;
    this.#registry = registry;
    this.#subscriptions = subscriptions;
    this.#wills = wills;
    this.#releases = releases;
  }

  /** Harmless when `connection` is not the session's any more. */
  connectionEnded(entry: SessionEntry, connection: Connection): void {
    if (entry.connection !== connection) return;
    entry.connection = null;
    entry.publishes.isReadingPaused = false;
    this.#registry.disconnected();
    entry.session.detach(this.#context.clock.wallMs());
    this.#wills.connectionEnded(entry);
    this.awaitReturn(entry);
  }

  /** Without a connection: ends now, or when the session expiry interval has passed [MQTT-3.1.2-23] [MQTT-4.1.0-2]. */
  awaitReturn(entry: SessionEntry): void {
    entry.expiryTimer?.();
    entry.expiryTimer = null;
    const { sessionExpirySeconds } = entry.session;
    if (sessionExpirySeconds === 0) {
      this.discard(entry);
      return;
    }
    const capped = Math.min(sessionExpirySeconds, this.#context.limits.sessionExpirySecondsMax);
    if (capped === neverExpires) return;
    entry.expiryTimer = this.#context.wheel.after(capped * 1000, () => {
      this.#context.counters.sessionsExpired++;
      this.discard(entry);
    });
  }

  /** The old connection of a client that connected again [MQTT-3.1.4-3]. */
  takeOver(entry: SessionEntry): void {
    if (!entry.connection) return;
    this.#context.counters.takeovers++;
    entry.session.disconnect(ReasonCode.sessionTakenOver, "the client connected again");
  }

  /** The session ends. */
  discard(entry: SessionEntry): void {
    this.leave(entry);
    this.#subscriptions.removeAll(entry);
    this.#wills.publishNow(entry);
    this.#releases.release(entry.clientId, entry.epoch);
  }

  /** Out of the registry, still routed: a session on its way to another node goes on collecting. */
  leave(entry: SessionEntry): void {
    entry.expiryTimer?.();
    entry.expiryTimer = null;
    this.#registry.remove(entry);
  }
}
