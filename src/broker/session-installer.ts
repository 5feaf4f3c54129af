import { Session } from "../session/session.ts";
import type { Identity } from "./access.ts";
import { Attachment, type AttachmentFlows } from "./attachment.ts";
import type { ClaimDecision } from "./claims.ts";
import type { ConnectRequest } from "./connect-request.ts";
import type { Connection } from "./connection.ts";
import type { BrokerContext } from "./context.ts";
import type { Releases } from "./releases.ts";
import { SessionEntry } from "./session-entry.ts";
import type { SessionRegistry } from "./session-registry.ts";
import type { SessionTransfers } from "./session-transfer.ts";
import { type Wills, willOf } from "./wills.ts";

export interface InstallerParts {
  readonly flows: AttachmentFlows;
  readonly registry: SessionRegistry;
  readonly transfers: SessionTransfers;
  readonly wills: Wills;
  readonly releases: Releases;
}

type Accepted = Exclude<ClaimDecision, { status: "refused" }>;

interface Run {
  /** Null without a claim: such a session begins clean and leaves with its connection, so no other node waits for it. */
  readonly epoch: number | null;
  readonly done: Promise<void>;
}

/** Puts a connection and its session together, one at a time for each client, in the order of their claims. */
export class SessionInstaller {
  readonly #context: BrokerContext;
  readonly #parts: InstallerParts;
  /** By client, in the order of their claims. */
  readonly #running = new Map<string, readonly Run[]>();

  constructor(parts: InstallerParts) {
    this.#context = parts.flows.context;
    this.#parts = parts;
  }

  /**
   * Resolves when no session of this client with a claim up to `epoch` is on its way in. Not later ones: they may wait for
   * the very node that asks, and each would wait for the other.
   */
  whenInstalled(clientId: string, epoch: number): Promise<void> {
    const runs = this.#running.get(clientId) ?? [];
    const last = runs.findLast((run) => run.epoch !== null && run.epoch <= epoch);
    return last?.done ?? Promise.resolve();
  }

  install(
    connection: Connection,
    request: ConnectRequest,
    identity: Identity,
    decision: Accepted,
  ): void {
    const { clientId } = request;
    const runs = this.#running.get(clientId) ?? [];
    const before = runs.at(-1)?.done;
    const done = this.#afterOthers(before, connection, request, identity, decision).finally(() =>
      this.#ended(clientId, run),
    );
    const run: Run = { epoch: decision.status === "claimed" ? decision.epoch : null, done };
    this.#running.set(clientId, [...runs, run]);
  }

  #ended(clientId: string, run: Run): void {
    const others = (this.#running.get(clientId) ?? []).filter((other) => other !== run);
    if (others.length === 0) this.#running.delete(clientId);
    else this.#running.set(clientId, others);
  }

  /** A provisional session got its place in the log. */
  claimApplied(connection: Connection, clientId: string, epoch: number): void {
    const entry = this.#parts.registry.get(clientId);
    if (entry?.connection === connection) entry.epoch = epoch;
    else this.#parts.releases.release(clientId, epoch);
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
    const { registry } = this.#parts;
    const epoch = decision.status === "claimed" ? decision.epoch : 0;
    const existing = this.#clearedWay(request);
    const entry = existing ?? (await this.#arrived(request, identity, decision));
    const isPresent = entry !== null;
    const installed =
      entry ??
      new SessionEntry(
        new Session(request.clientId, this.#context.limits.session),
        identity,
        epoch,
      );
    installed.epoch = epoch;
    installed.identity = identity;
    if (existing === null) registry.add(installed);
    if (connection.isOpen) this.#attach(installed, connection, request, isPresent);
    else this.#parts.flows.lifecycle.awaitReturn(installed);
    this.#yieldToNewerOwner(installed);
  }

  /** The session of this client that is here already, without its old connection; null when there is none to keep. */
  #clearedWay(request: ConnectRequest): SessionEntry | null {
    const { registry, flows } = this.#parts;
    const found = registry.get(request.clientId);
    if (found) flows.lifecycle.takeOver(found);
    const kept = registry.get(request.clientId);
    if (kept === null) return null;
    // [MQTT-3.1.2-5], else [MQTT-3.1.2-4]
    if (!request.packet.clean) return kept;
    flows.lifecycle.discard(kept);
    return null;
  }

  /** The session as another node kept it, routed from here. */
  async #arrived(
    request: ConnectRequest,
    identity: Identity,
    decision: Accepted,
  ): Promise<SessionEntry | null> {
    if (request.packet.clean || decision.status !== "claimed") return null;
    const { previous, epoch } = decision;
    if (previous === null || previous.nodeId === this.#context.cluster.nodeId) return null;
    const snapshot = await this.#parts.transfers.fetch(request.clientId, previous);
    if (snapshot === null) return null;
    const session = Session.restore(snapshot, this.#context.limits.session);
    const entry = new SessionEntry(session, identity, epoch);
    for (const subscription of snapshot.subscriptions) {
      this.#parts.flows.subscriptions.add(entry, subscription);
    }
    return entry;
  }

  #attach(
    entry: SessionEntry,
    connection: Connection,
    request: ConnectRequest,
    isPresent: boolean,
  ): void {
    const { registry, wills, flows } = this.#parts;
    entry.expiryTimer?.();
    entry.expiryTimer = null;
    wills.cancel(entry);
    // [MQTT-3.1.2-7]
    entry.will = willOf(request.packet, request.clientId);
    entry.connection = connection;
    registry.connected();
    this.#context.counters.connectsAccepted++;
    if (isPresent) this.#context.counters.sessionsResumed++;
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

  /** While the session came in, the client may have connected elsewhere. */
  #yieldToNewerOwner(entry: SessionEntry): void {
    if (entry.epoch === 0 || entry.isGone) return;
    const owner = this.#context.replica.ownerOf(entry.clientId);
    const isForeign = owner !== null && owner.nodeId !== this.#context.cluster.nodeId;
    if (isForeign && owner.epoch > entry.epoch) this.#parts.transfers.disown(entry);
  }
}
