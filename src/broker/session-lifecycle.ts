import { ReasonCode } from "../mqtt/reason-code.ts";
import type { Connection } from "./connection.ts";
import type { BrokerContext } from "./context.ts";
import type { Disconnects } from "./disconnects.ts";
import type { SessionEntry } from "./session-entry.ts";
import type { SessionRegistry } from "./session-registry.ts";
import type { Settlements } from "./settlements.ts";
import type { SubscribeFlow } from "./subscribe.ts";
import type { Wills } from "./wills.ts";

/** How sessions lose their connection. What outlives it is in the log; here, nothing stays. */
export class SessionLifecycle {
  readonly #context: BrokerContext;
  readonly #registry: SessionRegistry;
  readonly #subscriptions: SubscribeFlow;
  readonly #wills: Wills;
  readonly #settlements: Settlements;
  readonly #disconnects: Disconnects;

  constructor(
    context: BrokerContext,
    registry: SessionRegistry,
    subscriptions: SubscribeFlow,
    wills: Wills,
    settlements: Settlements,
    disconnects: Disconnects,
  ) {
    this.#context = context;
    this.#registry = registry;
    this.#subscriptions = subscriptions;
    this.#wills = wills;
    this.#settlements = settlements;
    this.#disconnects = disconnects;
  }

  /** Harmless when `connection` is not the session's any more. */
  connectionEnded(entry: SessionEntry, connection: Connection): void {
    if (entry.connection !== connection) return;
    entry.connection = null;
    entry.publishes.isReadingPaused = false;
    this.#registry.remove(entry);
    entry.session.detach(this.#context.clock.wallMs());
    this.#subscriptions.removeAll(entry);
    this.#wills.connectionEnded(entry);
    this.#tellLog(entry);
  }

  /** The old connection of a client that connected again [MQTT-3.1.4-3]. */
  takeOver(entry: SessionEntry): void {
    if (!entry.connection) return;
    this.#context.counters.takeovers++;
    entry.isTakenOver = true;
    entry.session.disconnect(ReasonCode.sessionTakenOver, "the client connected again");
  }

  #tellLog(entry: SessionEntry): void {
    this.#settlements.flush(entry);
    const { clientId, epoch, session } = entry;
    const { sessionExpirySeconds, isWillWanted, sentSeq } = session;
    const expirySeconds = this.#cappedExpiry(sessionExpirySeconds);
    this.#disconnects.tell({ clientId, epoch, expirySeconds, isWillWanted, sentSeq });
  }

  /** A DISCONNECT may ask for more than CONNACK granted. */
  #cappedExpiry(expirySeconds: number): number {
    return Math.min(expirySeconds, this.#context.limits.sessionExpirySecondsMax);
  }
}
