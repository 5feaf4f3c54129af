import type { CommandContext, NodeId, RecordsDigest, StateMachine, StateWriter } from "#cluster";
import type { ApplicationMessage } from "../mqtt/message.ts";
import { ClientLifecycle } from "./client-lifecycle.ts";
import { type ClientEntry, ClientView } from "./client-view.ts";
import { decodeCommand } from "./commands.ts";
import { DeviceHistories, defaultHistoryBounds, type HistoryBounds } from "./device-history.ts";
import { DeviceView } from "./device-view.ts";
import { DeviceWrites } from "./device-writes.ts";
import { type ReplicaLimits, replicaLimits } from "./limits.ts";
import { MessageWrites } from "./message-writes.ts";
import { recordPrefix, StateRecords } from "./records.ts";
import type {
  ClaimResult,
  ClientOwner,
  Command,
  DeletedResult,
  Fence,
  MessageWalk,
  ReplicaQueries,
  RetainedResult,
  ShadowDocument,
  ShadowResult,
  StatesResult,
  SubscribeResult,
} from "./replica-api.ts";
import {
  type OwnerChangedHandler,
  type PublishedHandler,
  ReplicaListeners,
} from "./replica-listeners.ts";
import { RetainedView } from "./retained-view.ts";
import { SessionView } from "./sessions/session-view.ts";
import type { QueuedMessage, StoredSession } from "./sessions/stored-session.ts";
import { Versions } from "./versions.ts";
import { WillsView } from "./wills-view.ts";

/** What a command that was understood answers its proposer; null for one that was not, or has nothing to say. */
export type CommandResult =
  | ClaimResult
  | RetainedResult
  | SubscribeResult
  | StatesResult
  | ShadowResult
  | DeletedResult
  | { readonly isReleased: boolean }
  | { readonly isEnded: boolean }
  | null;

/** So few that a walk which is timed by its pieces is timed well. */
const topicsPerPiece = 16;

/**
 * The state that the log agrees on: retained messages, device state, who owns which client identifier, and the sessions that
 * outlive their connections. Results by command stand in replica-api.ts.
 */
export class Replica implements StateMachine, ReplicaQueries {
  readonly #records = new StateRecords();
  readonly #versions = new Versions(this.#records);
  readonly #retained: RetainedView;
  readonly #devices: DeviceView;
  readonly #deviceWrites: DeviceWrites;
  readonly #histories: DeviceHistories;
  readonly #clients: ClientView;
  readonly #wills: WillsView;
  readonly #messages: MessageWrites;
  readonly #lifecycle: ClientLifecycle;
  readonly #listeners: ReplicaListeners;
  readonly sessions: SessionView;
  readonly #counts = {
    replica_commands_applied: 0,
    replica_commands_unreadable: 0,
    replica_records_unreadable: 0,
    replica_retained_expired: 0,
    replica_claims_refused: 0,
    replica_writes_fenced: 0,
    replica_releases_stale: 0,
    replica_settlements_fenced: 0,
    replica_session_messages_dropped_full: 0,
    replica_session_messages_dropped_size: 0,
    replica_session_messages_dropped_expired: 0,
    replica_session_messages_dropped_age: 0,
    replica_handler_errors: 0,
  };

  /** It goes on while the state is replaced by a newer one. */
  #latestIndex = 0;

  /** Other limits than the built-in ones are for tests: they must be equal on all nodes. What is remembered is each node's own. */
  constructor(
    limits: ReplicaLimits = replicaLimits,
    historyBounds: HistoryBounds = defaultHistoryBounds,
  ) {
    const counts = this.#counts;
    this.#listeners = new ReplicaListeners(() => counts.replica_handler_errors++);
    this.#retained = new RetainedView(this.#records, this.#versions, limits);
    this.#histories = new DeviceHistories(historyBounds);
    this.#devices = new DeviceView({
      ...{ records: this.#records, versions: this.#versions },
      ...{ limits, histories: this.#histories },
      isConnected: (clientId) => this.#clients.ownerOf(clientId) !== null,
      handlerFailed: () => {
        counts.replica_handler_errors++;
      },
    });
    this.#deviceWrites = new DeviceWrites({
      ...{ devices: this.#devices, versions: this.#versions, limits },
      isFenced: (clientId, fence, context) => this.#isFenced(clientId, fence, context),
    });
    this.#clients = new ClientView(this.#records, limits);
    this.#wills = new WillsView(this.#records);
    this.sessions = new SessionView(this.#records, limits, this.#retained, {
      queued: (entry) => this.#listeners.tellQueued(entry),
      discarded: (entry) => this.#listeners.tellDiscarded(entry),
      dropped: (reason, count) => {
        counts[`replica_session_messages_dropped_${reason}`] += count;
      },
    });
    this.#messages = new MessageWrites({
      ...{ retained: this.#retained, sessions: this.sessions, clients: this.#clients },
      ...{ deviceWrites: this.#deviceWrites, versions: this.#versions },
      isFenced: (clientId, fence, context) => this.#isFenced(clientId, fence, context),
      willPublished: (message, { origin }) => this.#listeners.tellPublished(message, origin),
    });
    this.#lifecycle = new ClientLifecycle({
      ...{ clients: this.#clients, sessions: this.sessions, wills: this.#wills, limits },
      publish: (message, context, writer) => this.#messages.will(message, context, writer),
      ownerChanged: (change) => this.#listeners.tellOwner(change),
      seen: (clientId, { timeMs }, writer) => this.#devices.seen(clientId, timeMs, writer),
    });
  }

  get retainedCount(): number {
    return this.#retained.count;
  }

  get retainedSizeBytes(): number {
    return this.#retained.sizeBytes;
  }

  get devices(): DeviceView {
    return this.#devices;
  }

  get ownedClients(): number {
    return this.#clients.count;
  }

  /** Counters since the start of the process, and the number of records. */
  metrics(): ReadonlyMap<string, number> {
    return new Map([
      ...Object.entries(this.#counts),
      ...Object.entries(this.#messages.counts),
      ...Object.entries(this.#deviceWrites.counts),
      ["device_history_evicted", this.#histories.evicted],
      ["replica_records", this.#records.count],
    ]);
  }

  matchRetained(
    filter: string,
    nowMs: number,
    visit: (message: ApplicationMessage) => unknown,
  ): void {
    this.#retained.match(filter, nowMs, visit);
  }

  walkRetained(filter: string): MessageWalk {
    return this.#retained.walk(filter);
  }

  get latestIndex(): number {
    return this.#latestIndex;
  }

  /** The state is being replaced and not there as a whole. */
  get isLoading(): boolean {
    return this.#retained.isLoading;
  }

  getRetained(topic: string): ApplicationMessage | null {
    return this.#retained.get(topic);
  }

  retainedVersionOf(topic: string): number {
    return this.#retained.storedVersionOf(topic);
  }

  ownerOf(clientId: string): ClientOwner | null {
    return this.#clients.ownerOf(clientId);
  }

  shadowOf(device: string): ShadowDocument | null {
    return this.#devices.get(device) === null ? null : this.#deviceWrites.documentOf(device);
  }

  /** May change while it is walked. */
  claims(): Iterable<readonly [string, ClientEntry]> {
    return this.#clients.entries();
  }

  claimOf(clientId: string): ClientEntry | null {
    return this.#clients.get(clientId);
  }

  /** Topics that match and have a message, in order and in pieces, which may be empty; as above. */
  *retainedTopics(filter: string, nowMs: number): Iterable<readonly string[]> {
    const walk = this.#retained.walkTopics(filter);
    while (!walk.isAtEnd) {
      const topics: string[] = [];
      walk.advance(nowMs, topicsPerPiece, (topic) => topics.push(topic));
      yield topics;
    }
  }

  onOwnerChanged(handler: OwnerChangedHandler): void {
    this.#listeners.owner.push(handler);
  }

  onQueued(handler: (entry: QueuedMessage) => void): void {
    this.#listeners.queued.push(handler);
  }

  onDiscarded(handler: (entry: QueuedMessage) => void): void {
    this.#listeners.discarded.push(handler);
  }

  onPublished(handler: PublishedHandler): void {
    this.#listeners.published.push(handler);
  }

  onReplaced(handler: () => void): void {
    this.#listeners.replaced.push(handler);
  }

  nextDueMs(): number {
    const dueMs = Math.min(this.#wills.nextDueMs(), this.#devices.nextDueMs());
    return Math.min(dueMs, this.sessions.nextDueMs());
  }

  incarnationOf(nodeId: NodeId): number {
    return this.#clients.incarnationOf(nodeId);
  }

  apply(bytes: Uint8Array, context: CommandContext, writer: StateWriter): CommandResult {
    const command = decodeCommand(bytes);
    if (command === null) {
      this.#counts.replica_commands_unreadable++;
      return null;
    }
    this.#counts.replica_commands_applied++;
    this.#begin(context);
    const result = this.#applyCommand(command, context, writer);
    this.#counts.replica_retained_expired += this.#retained.purgeExpired(context.timeMs, writer);
    this.#deviceWrites.purgeExpired(context.timeMs, writer);
    this.#lifecycle.purge(context, writer);
    return result;
  }

  nodeStarted(
    nodeId: NodeId,
    incarnation: number,
    context: CommandContext,
    writer: StateWriter,
  ): void {
    this.#begin(context);
    this.#lifecycle.nodeStarted(nodeId, incarnation, context, writer);
  }

  nodeRemoved(nodeId: NodeId, context: CommandContext, writer: StateWriter): void {
    this.#begin(context);
    this.#lifecycle.nodeRemoved(nodeId, context, writer);
  }

  reset(): void {
    this.#records.clear();
    this.#versions.clear();
    this.#retained.clear();
    this.#devices.clear();
    this.#clients.clear();
    this.#wills.clear();
    this.sessions.clear();
  }

  /** A record that cannot be read stays in the digest, which so tells that the replicas differ, and is counted. */
  restore(key: string, value: Uint8Array): void {
    const hash = this.#records.restore(key, value);
    const rest = key.slice(2);
    const prefix = key === recordPrefix.epoch ? key : key.slice(0, 2);
    let isRestored = false;
    switch (prefix) {
      case recordPrefix.retained:
        isRestored = this.#retained.restore(rest, value, hash);
        break;
      case recordPrefix.attribute:
        isRestored = this.#devices.restore(rest, value, hash);
        break;
      case recordPrefix.shadow:
        isRestored = this.#devices.restoreShadow(rest, value, hash);
        break;
      case recordPrefix.seen:
        isRestored = this.#devices.presence.restore(rest, value, hash);
        break;
      case recordPrefix.client:
        isRestored = this.#clients.restoreClient(rest, value, hash);
        break;
      case recordPrefix.node:
        isRestored = this.#clients.restoreNode(rest, value, hash);
        break;
      case recordPrefix.epoch:
        isRestored = this.#clients.restoreEpoch(value, hash);
        break;
      case recordPrefix.version:
        isRestored = this.#versions.restore(value, hash);
        break;
      case recordPrefix.will:
        isRestored = this.#wills.restore(rest, value, hash);
        break;
      default:
        isRestored = this.sessions.restore(prefix, rest, value, hash);
    }
    if (!isRestored) {
      this.#counts.replica_records_unreadable++;
    }
  }

  /** Tells the listeners what changed behind their back; on a start nobody listens and nothing was there before. */
  restored(): void {
    this.#counts.replica_records_unreadable += this.sessions.restored();
    for (const change of this.#clients.changesSinceClear()) {
      this.#listeners.tellOwner(change);
    }
    this.#devices.restored();
    this.#retained.restored();
    this.#listeners.tellReplaced();
  }

  digest(): string {
    return this.#records.digest();
  }

  recordsDigest(): RecordsDigest {
    const records = new StateRecords();
    return {
      add: (key, value) => records.restore(key, value),
      digest: () => records.digest(),
    };
  }

  #begin({ index }: CommandContext): void {
    this.#devices.index = index;
    this.#versions.index = index;
    this.#latestIndex = index;
  }

  #applyCommand(command: Command, context: CommandContext, writer: StateWriter): CommandResult {
    switch (command.type) {
      case "retain":
      case "publish":
        return this.#messages.message(command, context, writer);
      case "state":
        return this.#deviceWrites.state(command, context, writer);
      case "states":
        return this.#deviceWrites.states(command, context, writer);
      case "shadow":
        return this.#deviceWrites.shadow(command, context, writer);
      case "delete-device":
        return this.#deviceWrites.deleteDevice(command, context, writer);
      case "claim": {
        const result = this.#lifecycle.claim(command, context, writer);
        this.#counts.replica_claims_refused += result.epoch === 0 ? 1 : 0;
        return result;
      }
      case "disconnect": {
        const isReleased = this.#lifecycle.disconnect(command, context, writer);
        this.#counts.replica_releases_stale += isReleased ? 0 : 1;
        return { isReleased };
      }
      case "subscribe":
        return this.#onSession(command, (session) =>
          this.sessions.subscribe(session, command.subscriptions, context, writer),
        );
      case "unsubscribe":
        return this.#onSession(command, (session) =>
          this.sessions.unsubscribe(session, command.filters, writer),
        );
      case "settle":
        this.#settle(command, writer);
        return null;
      case "node-down":
        this.#lifecycle.nodeDown(command, context, writer);
        return null;
      case "end-session":
        return { isEnded: this.#lifecycle.endSession(command.clientId, context, writer) };
      case "tick":
        return null;
    }
  }

  #onSession(
    { clientId, epoch }: { readonly clientId: string; readonly epoch: number },
    change: (session: StoredSession) => boolean[],
  ): SubscribeResult {
    const session = this.sessions.get(clientId);
    if (session === null || session.epoch !== epoch) return { granted: [], isFenced: true };
    return { granted: change(session) };
  }

  #settle(command: Extract<Command, { type: "settle" }>, writer: StateWriter): void {
    for (const settlement of command.settlements) {
      const session = this.sessions.get(settlement.clientId);
      if (session === null || settlement.epoch < session.number) {
        this.#counts.replica_settlements_fenced++;
      } else if (session.epoch === settlement.epoch) {
        this.sessions.settle(session, settlement, writer);
      } else {
        // Places are never given out again, packet identifiers are: a newer connection may use one for another message by now.
        this.sessions.settle(session, { ...settlement, released: [] }, writer);
      }
    }
  }

  /** May the proposing node not write for this client any more? */
  #isFenced(clientId: string, fence: Fence, { origin }: CommandContext): boolean {
    const isFenced = this.#clients.isFenced(clientId, fence, origin);
    this.#counts.replica_writes_fenced += isFenced ? 1 : 0;
    return isFenced;
  }
}
