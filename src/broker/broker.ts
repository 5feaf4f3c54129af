import type { Clock, Cluster, Histogram, Log } from "#cluster";
import type {
  AttributeWrite,
  BrokerFigures,
  MessageHeard,
  MessageWatch,
  Onlooker,
  PublishRequest,
  PublishResult,
} from "../api/ports.ts";
import { Cursor } from "../mqtt/cursor.ts";
import { ReasonCode } from "../mqtt/reason-code.ts";
import type { ReplicaQueries, ShadowResult } from "../replica/replica-api.ts";
import { Router } from "../routing/router.ts";
import type { ShareStrategy } from "../routing/share-strategy.ts";
import { type Authenticator, type Authorizer, allowEveryone, allowEverything } from "./access.ts";
import { AcknowledgeLatency } from "./acknowledge-latency.ts";
import { Admission } from "./admission.ts";
import { BusyClients } from "./busy-clients.ts";
import type { Channel, ChannelAcceptor, ChannelHandler } from "./channel.ts";
import { Claims } from "./claims.ts";
import { ClientHistory } from "./client-history.ts";
import { ClusterWatch } from "./cluster-watch.ts";
import { Commits } from "./commits.ts";
import { ConnectFlow } from "./connect.ts";
import { Connection } from "./connection.ts";
import type { ConnectionOwner, ConnectionShared } from "./connection-ports.ts";
import type { BrokerContext, DevicePatterns, PartitionMode } from "./context.ts";
import { BrokerCounters } from "./counters.ts";
import { DeadlineWheel } from "./deadline-wheel.ts";
import type { Destination } from "./destination.ts";
import { Disconnects } from "./disconnects.ts";
import { Dispatcher } from "./dispatch.ts";
import { Drain } from "./drain.ts";
import { BrokerError } from "./errors.ts";
import { FlushList } from "./flush-list.ts";
import { Interest } from "./interest.ts";
import { type BrokerLimits, defaultBrokerLimits } from "./limits.ts";
import { LocalClients } from "./local-clients.ts";
import { LostClaims } from "./lost-claims.ts";
import { Onlookers } from "./onlookers.ts";
import { OwnWrites } from "./own-writes.ts";
import { PublishFlow } from "./publish.ts";
import { ReadingTurns } from "./reading-turns.ts";
import { Replies } from "./replies.ts";
import { RetainedTurns } from "./retained-turns.ts";
import { SessionInstaller } from "./session-installer.ts";
import { SessionLifecycle } from "./session-lifecycle.ts";
import { SessionRegistry } from "./session-registry.ts";
import { Settlements } from "./settlements.ts";
import type { ShadowUpdate } from "./shadow-messages.ts";
import { ShadowTopics } from "./shadow-topics.ts";
import { Shadows } from "./shadows.ts";
import { Shutdown } from "./shutdown.ts";
import { StoredDeliveries } from "./stored-deliveries.ts";
import { type LocalRetained, SubscribeFlow } from "./subscribe.ts";
import { SysTopics } from "./sys-topics.ts";
import type { SysSource } from "./sys-values.ts";
import { Takeovers } from "./takeovers.ts";
import { TurnSpacing } from "./turn-spacing.ts";
import { Wills } from "./wills.ts";

export interface BrokerOptions {
  readonly cluster: Cluster;
  readonly replica: ReplicaQueries;
  readonly clock: Clock;
  readonly log: Log;
  readonly patterns: DevicePatterns;
  readonly version: string;
  /** Default: strict. */
  readonly partitionMode?: PartitionMode;
  /** Default: round-robin. */
  readonly shareStrategy?: ShareStrategy;
  /** Shadows answer on `$aws/things/...`, too. Default: false. */
  readonly hasAwsShadowTopics?: boolean;
  /** Default: `defaultBrokerLimits`. */
  readonly limits?: BrokerLimits;
  /** Default: everyone. */
  readonly authenticator?: Authenticator;
  /** Default: everything. */
  readonly authorizer?: Authorizer;
  /** How often `$SYS` is refreshed; 0 = no `$SYS`. Default 10 s. */
  readonly sysIntervalMs?: number;
  /** For `$SYS`; default 0. */
  readonly heapSizeBytes?: () => number;
}

/** The MQTT broker of one node. Listeners hand it channels; the cluster, the log and the other nodes are its world. */
export interface Broker extends ChannelAcceptor {
  readonly counters: BrokerCounters;
  /** Seconds from the arrival of a PUBLISH at QoS 1 or 2 until it is acknowledged. */
  readonly acknowledgeLatency: Histogram;
  /** Moves the clients elsewhere while the node goes on. */
  readonly drain: Drain;
  /** Begins to hear of the cluster; before it, nothing is accepted. */
  start(): void;
  /**
   * Tells every client (MQTT 5: 0x8B) and waits until their sockets are closed and Wills are on their way, at most
   * `timeoutMs`. Stop the listeners first.
   */
  stop(timeoutMs: number): Promise<void>;
  figures(): BrokerFigures;
  /** For the HTTP API. Resolves when the promise of the message's QoS is true; rejects with BrokerError. */
  publish(request: PublishRequest): Promise<PublishResult>;
  /** For the HTTP API: the value takes the place of the old one; undefined removes it. Rejects with BrokerError. */
  setAttribute(write: AttributeWrite): Promise<{ readonly version: number }>;
  /** For live feeds. Throws BrokerError `topic-invalid`, `not-authorized` or `stopped`. */
  watchMessages(filters: readonly string[], onlooker: Onlooker, heard: MessageHeard): MessageWatch;
  /** For the HTTP API: what a device is to be. Rejects with BrokerError. */
  setShadow(device: string, update: ShadowUpdate): Promise<ShadowResult>;
  /** For the HTTP API: false when there was no such device. Rejects with BrokerError. */
  deleteDevice(device: string): Promise<boolean>;
  /** Those that are connected here. */
  readonly clients: LocalClients;
  /** Answers to commands of the HTTP API. */
  readonly replies: Replies;
  /** Ends the connections of users that are not what they were when they came in. */
  endUsers(isOut: (username: string) => boolean): void;
}

export function createBroker(options: BrokerOptions): Broker {
  return new PeerBroker(options);
}

class PeerBroker implements Broker, ConnectionOwner {
  readonly counters = new BrokerCounters();
  readonly acknowledgeLatency: Histogram;
  readonly drain: Drain;
  readonly clients: LocalClients;
  readonly replies: Replies;
  readonly #context: BrokerContext;
  readonly #shared: ConnectionShared;
  readonly #admission: Admission;
  readonly #registry = new SessionRegistry();
  readonly #dispatcher: Dispatcher;
  readonly #interest: Interest;
  readonly #publishes: PublishFlow;
  readonly #commits: Commits;
  readonly #shadows: Shadows;
  readonly #ownWrites: OwnWrites;
  readonly #onlookers: Onlookers;
  readonly #sysTopics: SysTopics;
  readonly #takeovers: Takeovers;
  readonly #deliveries: StoredDeliveries;
  readonly #watch: ClusterWatch;
  readonly #connects: ConnectFlow;
  readonly #shutdown: Shutdown;
  readonly #connections = new Set<Connection>();
  readonly #options: BrokerOptions;
  readonly #startedAtMs: number;
  #isAccepting = false;

  constructor(options: BrokerOptions) {
    const { cluster, replica, clock, log, patterns } = options;
    const limits = options.limits ?? defaultBrokerLimits;
    const shareStrategy = options.shareStrategy ?? "round-robin";
    const wheel = new DeadlineWheel(clock, limits.tickMs);
    const { counters } = this;
    this.#options = options;
    this.#startedAtMs = clock.monotonicMs();
    const latency = new AcknowledgeLatency(clock);
    this.acknowledgeLatency = latency.seconds;
    const history = new ClientHistory(() => clock.wallMs(), counters);
    this.clients = new LocalClients(this.#registry, history);
    const context: BrokerContext = {
      cluster,
      replica,
      router: new Router<Destination>(cluster.nodeId, { shareStrategy }),
      patterns,
      authenticator: options.authenticator ?? allowEveryone,
      authorizer: options.authorizer ?? allowEverything,
      partitionMode: options.partitionMode ?? "strict",
      shareStrategy,
      limits,
      counters,
      latency,
      wheel,
      retainedTurns: new RetainedTurns(clock, limits.retainedTurnMs),
      ...{ clock, log, history },
    };
    this.#context = context;
    const flushList = new FlushList(clock);
    const turnSpacing = new TurnSpacing(clock, limits.turnSpacingMs, counters);
    const busyClients = new BusyClients(clock, limits, counters);
    const readingTurns = new ReadingTurns(clock, limits.readingTurnMs, turnSpacing);
    const cursor = new Cursor();
    this.#shared = {
      ...{ clock, log, wheel, flushList, readingTurns, turnSpacing, busyClients, limits },
      ...{ counters, cursor },
    };
    this.#admission = new Admission(limits, counters, clock);
    this.#dispatcher = new Dispatcher(context);
    this.#interest = new Interest(context);
    const commits = new Commits(context);
    this.#commits = commits;
    this.replies = new Replies(context, this.#interest);
    const shadowTopics = new ShadowTopics(options.hasAwsShadowTopics ?? false);
    this.#shadows = new Shadows(context, commits, shadowTopics, (message) =>
      this.#publishes.publishOwn(message, null),
    );
    this.#publishes = new PublishFlow(context, this.#dispatcher, commits, this.#shadows);
    this.#ownWrites = new OwnWrites(context, this.#publishes, commits);
    this.#sysTopics = new SysTopics(
      context,
      this.#dispatcher,
      () => this.#sysSource(),
      options.sysIntervalMs ?? 10_000,
    );
    const registry = this.#registry;
    const localRetained: LocalRetained = (filter, visit) => this.#sysTopics.visit(filter, visit);
    const subscriptions = new SubscribeFlow(context, this.#interest, localRetained);
    this.#onlookers = new Onlookers(context, this.#interest, localRetained);
    const wills = new Wills(context, this.#publishes);
    const settlements = new Settlements(context);
    const disconnects = new Disconnects(context);
    const lifecycle = new SessionLifecycle(
      ...([context, registry, subscriptions, wills, settlements, disconnects] as const),
    );
    this.#takeovers = new Takeovers(context, registry, lifecycle, settlements);
    this.#deliveries = new StoredDeliveries(context, registry);
    this.#watch = new ClusterWatch(context);
    const flows = { context, publishes: this.#publishes, subscriptions, lifecycle, settlements };
    const { takeovers, deliveries } = { takeovers: this.#takeovers, deliveries: this.#deliveries };
    const installer = new SessionInstaller({ flows, registry, takeovers, deliveries, disconnects });
    const lost = new LostClaims(context, registry, disconnects);
    this.#connects = new ConnectFlow(context, registry, new Claims(context), installer, lost);
    this.drain = new Drain(context, registry, this.#connections, disconnects);
    this.#shutdown = new Shutdown(context, registry, flushList);
  }

  start(): void {
    this.#context.wheel.start();
    this.#interest.start(this.#dispatcher);
    this.#takeovers.start();
    this.#deliveries.start();
    this.#listenToLog();
    this.#watch.start();
    this.#sysTopics.start();
    this.#isAccepting = true;
  }

  async stop(timeoutMs: number): Promise<void> {
    if (!this.#isAccepting) return;
    this.#isAccepting = false;
    this.drain.cancel();
    this.#sysTopics.stop();
    this.#watch.stop();
    this.#commits.flush();
    await this.#shutdown.run(this.#connections, timeoutMs);
    this.#context.wheel.stop();
  }

  accept(channel: Channel): ChannelHandler | null {
    if (!this.#isAccepting || !this.#admission.tryOpen()) return null;
    const connection = new Connection(channel, this, this.#shared);
    this.#connections.add(connection);
    return connection;
  }

  tryUpgrade(): boolean {
    return this.#isAccepting && this.#admission.tryUpgrade();
  }

  upgradeEnded(): void {
    this.#admission.upgradeEnded();
  }

  connectReceived(connection: Connection, packet: Parameters<ConnectFlow["connect"]>[1]): void {
    this.#admission.connectArrived();
    if (!this.#isAccepting) {
      connection.refuse(ReasonCode.serverUnavailable);
      return;
    }
    if (this.drain.isOn) {
      this.drain.redirect(connection);
      return;
    }
    this.#connects.connect(connection, packet).catch((error: unknown) => {
      this.counters.internalErrors++;
      this.#context.log.error({ error, clientId: packet.clientId }, "a CONNECT failed");
      connection.refuse(ReasonCode.unspecifiedError);
    });
  }

  connectionClosed(connection: Connection): void {
    this.#connections.delete(connection);
    this.#admission.closed(connection.isPending);
  }

  figures(): BrokerFigures {
    const { router, replica } = this.#context;
    return {
      connections: this.#registry.size,
      sessions: this.#sessionCount(),
      subscriptions: router.subscriptionCount,
      sharedSubscriptions: router.sharedSubscriptionCount,
      retained: replica.retainedCount,
      devices: replica.devices.count(),
      counters: new Map([...this.counters.entries(), ...router.metrics()]),
    };
  }

  async publish(request: PublishRequest): Promise<PublishResult> {
    this.#checkAccepting();
    return this.#ownWrites.publish(request);
  }

  async setAttribute(write: AttributeWrite): Promise<{ readonly version: number }> {
    this.#checkAccepting();
    return this.#ownWrites.setAttribute(write);
  }

  watchMessages(filters: readonly string[], onlooker: Onlooker, heard: MessageHeard): MessageWatch {
    this.#checkAccepting();
    return this.#onlookers.watch(filters, onlooker, heard);
  }

  async setShadow(device: string, update: ShadowUpdate): Promise<ShadowResult> {
    this.#checkAccepting();
    return this.#shadows.set(device, update);
  }

  async deleteDevice(device: string): Promise<boolean> {
    this.#checkAccepting();
    return this.#shadows.delete(device);
  }

  endUsers(isOut: (username: string) => boolean): void {
    for (const { identity, session, connection } of this.#registry.all()) {
      if (connection === null || identity.username === null || !isOut(identity.username)) continue;
      this.counters.clientsUserChanged++;
      session.disconnect(ReasonCode.notAuthorized, "the user was removed or changed");
    }
  }

  /** The stored ones of the whole cluster, and those that end with their connection to this node. */
  #sessionCount(): number {
    const own = this.#registry.all().filter(({ session }) => !session.isStored);
    return this.#context.replica.sessions.count + own.length;
  }

  /** Wills come from the log on every node at once. */
  #listenToLog(): void {
    const { replica, clock, cluster } = this.#context;
    replica.onPublished((message, origin) => {
      // While leadership changes, two nodes may take themselves for the leader, or none: it stands in only for one that is gone.
      const members = cluster.members();
      const isOriginUp = members.some(({ nodeId, state }) => nodeId === origin && state === "up");
      const isLeader = members.some(({ isSelf, isLeader }) => isSelf && isLeader);
      const isForShares = isOriginUp ? origin === cluster.nodeId : isLeader;
      clock.endOfTurn(() => this.#dispatcher.deliverPublished(message, isForShares));
    });
  }

  #checkAccepting(): void {
    if (!this.#isAccepting) throw new BrokerError("stopped", "the broker is stopping");
  }

  #sysSource(): SysSource {
    return {
      version: this.#options.version,
      uptimeSeconds: Math.floor((this.#context.clock.monotonicMs() - this.#startedAtMs) / 1000),
      figures: this.figures(),
      connected: this.#registry.size,
      sessionsExpired: this.#context.replica.sessions.expiredCount,
      counters: this.counters,
      storedSizeBytes: this.#context.replica.retainedSizeBytes,
      heapSizeBytes: this.#options.heapSizeBytes?.() ?? 0,
    };
  }
}
