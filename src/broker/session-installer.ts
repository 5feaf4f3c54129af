import { ReasonCode } from "../mqtt/reason-code.ts";
import type { StoredSession } from "../replica/sessions/stored-session.ts";
import { Session } from "../session/session.ts";
import type { StoredSessionState } from "../session/session-api.ts";
import type { Identity } from "./access.ts";
import { Attachment, type AttachmentFlows } from "./attachment.ts";
import type { ClaimDecision } from "./claims.ts";
import type { ConnectRequest } from "./connect-request.ts";
import type { Connection } from "./connection.ts";
import type { BrokerContext } from "./context.ts";
import type { Disconnects } from "./disconnects.ts";
import { SessionEntry } from "./session-entry.ts";
import type { SessionRegistry } from "./session-registry.ts";
import type { StoredDeliveries } from "./stored-deliveries.ts";
import type { Takeovers } from "./takeovers.ts";
import { willOf } from "./wills.ts";

export interface InstallerParts {
  readonly flows: AttachmentFlows;
  readonly registry: SessionRegistry;
  readonly takeovers: Takeovers;
  readonly deliveries: StoredDeliveries;
  readonly disconnects: Disconnects;
}

type Accepted = Exclude<ClaimDecision, { status: "refused" }>;

/** Puts a connection and its session together, one at a time for each client, in the order of their claims. */
export class SessionInstaller {
  readonly #context: BrokerContext;
  readonly #parts: InstallerParts;
  /** By client: the end of the last one under way. */
  readonly #running = new Map<string, Promise<void>>();

  constructor(parts: InstallerParts) {
    this.#context = parts.flows.context;
    this.#parts = parts;
  }

  install(
    connection: Connection,
    request: ConnectRequest,
    identity: Identity,
    decision: Accepted,
  ): void {
    const { clientId } = request;
    const before = this.#running.get(clientId);
    const done = this.#afterOthers(before, connection, request, identity, decision).finally(() => {
      if (this.#running.get(clientId) === done) this.#running.delete(clientId);
    });
    this.#running.set(clientId, done);
  }

  /** A connection of this client has its claim and waits for its session. */
  isRunning(clientId: string): boolean {
    return this.#running.has(clientId);
  }

  /** A provisional session got its place in the log. */
  claimApplied(connection: Connection, clientId: string, epoch: number): void {
    const entry = this.#parts.registry.get(clientId);
    if (entry?.connection !== connection) {
      this.#giveUp(clientId, epoch);
      return;
    }
    entry.epoch = epoch;
    entry.will = null;
  }

  async #afterOthers(
    before: Promise<void> | undefined,
    connection: Connection,
    request: ConnectRequest,
    identity: Identity,
    decision: Accepted,
  ): Promise<void> {
    try {
      await before;
      await this.#install(connection, request, identity, decision);
    } catch (error) {
      this.#context.counters.internalErrors++;
      this.#context.log.error({ error, clientId: request.clientId }, "a CONNECT failed");
      connection.close();
    }
  }

  async #install(
    connection: Connection,
    request: ConnectRequest,
    identity: Identity,
    decision: Accepted,
  ): Promise<void> {
    const { registry, flows, takeovers } = this.#parts;
    const { clientId } = request;
    const epoch = decision.status === "claimed" ? decision.epoch : 0;
    const present = registry.get(clientId);
    if (present !== null) flows.lifecycle.takeOver(present);
    if (decision.status === "claimed" && decision.previous !== null) {
      await takeovers.closeElsewhere(clientId, decision.previous);
    }
    if (!connection.isOpen) {
      this.#giveUp(clientId, epoch, request.expirySeconds);
      return;
    }
    const owner = this.#context.replica.ownerOf(clientId);
    if (epoch > 0 && owner?.epoch !== epoch) {
      // The client has connected elsewhere meanwhile, or the others take this node for dead.
      connection.refuse(ReasonCode.serverBusy);
      return;
    }
    const stored = epoch > 0 ? this.#context.replica.sessions.get(clientId) : null;
    const isPresent = decision.status === "claimed" && decision.isSessionPresent;
    const session = new Session(clientId, this.#context.limits.session, stateOf(stored));
    const entry = new SessionEntry(session, identity, epoch);
    if (epoch === 0) entry.will = willOf(request.packet, clientId);
    registry.add(entry);
    if (stored !== null) this.#restore(entry, stored);
    this.#attach(entry, connection, request, isPresent);
  }

  #restore(entry: SessionEntry, stored: StoredSession): void {
    const { flows, deliveries } = this.#parts;
    for (const subscription of stored.subscriptions.values()) {
      flows.subscriptions.add(entry, subscription);
    }
    deliveries.fill(entry, stored);
  }

  /** The connection has gone before it had its session: it never was accepted, so its Will is not wanted. */
  #giveUp(clientId: string, epoch: number, expirySeconds = 0): void {
    this.#parts.disconnects.tell({
      ...{ clientId, epoch, expirySeconds },
      ...{ isWillWanted: false, sentSeq: 0 },
    });
  }

  #attach(
    entry: SessionEntry,
    connection: Connection,
    request: ConnectRequest,
    isPresent: boolean,
  ): void {
    const { flows } = this.#parts;
    entry.connection = connection;
    entry.connectedAtMs = this.#context.clock.wallMs();
    entry.keepAliveSeconds = request.keepAliveSeconds;
    this.#context.counters.connectsAccepted++;
    if (isPresent) this.#context.counters.sessionsResumed++;
    const { remoteAddress } = connection.channel;
    const resumed = isPresent ? ", with its session" : "";
    this.#context.history.add(entry.clientId, "connected", `from ${remoteAddress}${resumed}`);
    const attachment = new Attachment(entry, connection, flows);
    const { connackProperties: properties } = request;
    connection.attach(
      attachment,
      {
        cmd: "connack",
        reasonCode: 0,
        // [MQTT-3.2.2-2] and [MQTT-3.2.2-3]
        sessionPresent: isPresent,
        ...(properties ? { properties } : {}),
      },
      request.keepAliveSeconds,
    );
    entry.session.attach(request.packet, attachment, this.#context.clock.wallMs());
    connection.startReceiving();
    entry.pumpHolds();
  }
}

function stateOf(stored: StoredSession | null): StoredSessionState | undefined {
  if (stored === null) return undefined;
  return { subscriptions: stored.subscriptions.values(), inboundQos2: stored.inboundQos2 };
}
