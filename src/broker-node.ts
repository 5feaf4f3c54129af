import { join } from "node:path";
import {
  type Cluster,
  type ClusterError,
  type ClusterTimings,
  defaultTimings,
  type StartingCluster,
  systemClock,
} from "#cluster";
import type { ClientAccess } from "./access/client-access.ts";
import { ApiServer } from "./api/server.ts";
import { type Broker, createBroker } from "./broker/broker.ts";
import { type CompiledPatterns, compilePatterns } from "./broker/device-patterns.ts";
import { type BrokerLimits, defaultBrokerLimits } from "./broker/limits.ts";
import { ClientListeners } from "./client-listeners.ts";
import type { LoadedConfig } from "./config/config.ts";
import { dataDirectories } from "./config/data-directory.ts";
import { type PortRequest, portRequest } from "./config/listen-ports.ts";
import type { Config } from "./config/options.ts";
import { type Ports, writePorts } from "./config/saved-ports.ts";
import { loadSecret, secretRequest } from "./config/secret.ts";
import { UsageError } from "./config/usage-error.ts";
import { isLoopbackHost } from "./config/values.ts";
import { DrainRequests } from "./drain-requests.ts";
import { listenTcp } from "./listeners/tcp.ts";
import { listenWebSocket } from "./listeners/websocket.ts";
import { LocalNode } from "./local-node.ts";
import { machineName } from "./machine-name.ts";
import { NodeDrain } from "./node-drain.ts";
import { bindNextFree, checkFixedPorts } from "./port-binding.ts";
import { replicaLimits } from "./replica/limits.ts";
import { Replica } from "./replica/replica.ts";
import { refuseSecondCluster } from "./shared-ports.ts";
import { formationOf, type NodePlace, type OpenedNode, openNode, stayingPort } from "./startup.ts";
import type { Logger } from "./telemetry/log.ts";
import { version } from "./version.ts";

/**
 * How long clients are kept out after the state was loaded, for the node to be in step with the others. Without a quorum
 * it will not be, and what needs none must be served all the same.
 */
const settleMs = 3000;
const settlePollMs = 20;
/** For clients of a condemned node to take their goodbye. */
const cutOffMs = 1000;

/** What the line that says ready tells. */
export interface ReadyFacts extends Ports {
  readonly node: string;
  readonly nodeId: string;
}

/** Found from the source as well as from the build. */
const dashboardDirectory = join(import.meta.dirname, "..", "dist", "dashboard");

export interface BrokerNodeOptions {
  readonly loaded: LoadedConfig;
  readonly log: Logger;
  readonly access: ClientAccess;
  /** Null at the start of a process. */
  readonly place: NodePlace | null;
  readonly onFatal: (error: Error) => void;
  /** The content of this node is wrong. It serves nothing more: stop it, and put another in its place. */
  readonly onCondemned: () => void;
}

/** Puts one broker node together, and takes it apart again. */
export class BrokerNode {
  readonly #options: BrokerNodeOptions;
  readonly #loaded: LoadedConfig;
  readonly #log: Logger;
  readonly #local: LocalNode;
  readonly #replica: Replica;
  readonly #patterns: CompiledPatterns;
  readonly #api: ApiServer;
  #listeners: ClientListeners | null = null;
  #secret: Uint8Array = new Uint8Array();
  #starting: StartingCluster | null = null;
  #dataDir: string | null = null;
  #drain: NodeDrain | null = null;
  #stopping: Promise<void> | null = null;

  constructor(options: BrokerNodeOptions) {
    const { loaded, log } = options;
    this.#options = options;
    this.#loaded = loaded;
    this.#log = log;
    this.#patterns = patternsOf(loaded.config);
    const { deviceHistoryValuesMax, deviceHistorySizeBytesMax } = loaded.config;
    this.#replica = new Replica(replicaLimits, {
      valuesMax: deviceHistoryValuesMax,
      sizeBytesMax: deviceHistorySizeBytesMax,
    });
    this.#local = new LocalNode(this.#replica, this.#patterns, options.access, {
      version,
      startedAtMs: systemClock.wallMs(),
      name: loaded.config.name,
    });
    this.#api = new ApiServer({
      node: this.#local,
      clock: systemClock,
      log,
      isOpen: loaded.config.allowAnonymous,
      users: isLoopbackHost(loaded.config.http.host) ? null : options.access.apiUsers,
      tls: loaded.config.httpTls ? options.access.tls : null,
      dashboardDirectory,
      settings: loaded.config,
    });
  }

  /** Resolves when the node is ready; null when it was stopped on the way. */
  async start(): Promise<ReadyFacts | null> {
    if (this.#options.place === null) await checkFixedPorts(this.#loaded);
    const opened = await this.#open();
    this.#starting = opened.starting;
    this.#dataDir = opened.dataDir;
    const http = await bindNextFree(this.#portOf("http", opened), (host, port) =>
      this.#api.listen(host, port),
    );
    this.#local.ports = { http, peer: opened.starting.peerPort };
    const cluster = await opened.starting.cluster;
    this.#local.cluster = cluster;
    this.#local.peers.open(cluster);
    const broker = this.#createBroker(cluster);
    await this.#options.access.serve(broker, this.#secret);
    await this.#settle(cluster);
    if (this.#local.isStopping) {
      return null;
    }
    if (cluster.members().length === 1) {
      const withTls = this.#options.access.tls === null ? [] : (["mqtts", "wss"] as const);
      const faces = ["mqtt", "ws", ...withTls] as const;
      await refuseSecondCluster(faces.map((face) => this.#portOf(face, opened)));
    }
    const ports = await this.#listen(broker, opened);
    await cluster.whenReady();
    return { node: cluster.name, nodeId: cluster.nodeId, ...ports };
  }

  /**
   * Readiness off, no new clients, goodbye to those that are here (0x8B), leadership handed over, disk at rest. May take
   * `timeoutMs` and a little more.
   */
  stop(timeoutMs: number): Promise<void> {
    this.#stopping ??= this.#stop(timeoutMs);
    return this.#stopping;
  }

  /** Null before the data directory is open. */
  get place(): NodePlace | null {
    return this.#dataDir === null ? null : { dataDir: this.#dataDir, ports: this.#local.ports };
  }

  async #stop(timeoutMs: number): Promise<void> {
    const { broker, cluster } = this.#local;
    this.#local.isStopping = true;
    this.#options.access.stop();
    this.#drain?.stop();
    await this.#listeners?.stopAccepting();
    await broker?.stop(timeoutMs * 0.4);
    if (cluster === null) {
      await this.#starting?.stop();
    } else {
      await cluster.stop(timeoutMs * 0.6);
    }
    await this.#api.close();
  }

  /** Clients are cut off, and the API tells nothing more of the content, before this returns. */
  #condemned(error: ClusterError): void {
    this.#local.isCondemned = true;
    this.#local.isStopping = true;
    this.#api.stopFeed();
    void this.#local.broker?.stop(cutOffMs);
    this.#log.warn(
      { reason: error.message },
      "clients are cut off until this node is in sync again",
    );
    this.#options.onCondemned();
  }

  #portOf(face: keyof Ports, { saved }: OpenedNode): PortRequest {
    return stayingPort(portRequest(face, this.#loaded, saved), this.#options.place?.ports[face]);
  }

  async #open(): Promise<OpenedNode> {
    const { config, warnings } = this.#loaded;
    const directories = dataDirectories(this.#loaded);
    const secret = loadSecret(secretRequest(this.#loaded, directories.dataRoot));
    for (const warning of [...warnings, ...secret.warnings]) {
      this.#log.warn({}, warning);
    }
    if (secret.isNew) {
      this.#log.info({ path: secret.path }, "cluster secret made; nodes elsewhere need a copy");
    }
    this.#secret = secret.bytes;
    const settings = {
      name: config.name,
      isMdnsEnabled: config.mdns,
      secret: secret.bytes,
      formation: formationOf(this.#loaded),
      votersMax: config.votersMax,
      zone: config.zone,
      stateMachine: this.#replica,
      figures: () => this.#local.nodeFigures(),
      version,
      timings: timingsOf(config),
      diskReserveSizeBytes: config.diskReserveSizeBytes,
      scrubIntervalMs: config.scrubIntervalSeconds * 1000,
      snapshotBytesPerSecondMax: config.snapshotBytesPerSecondMax,
      clock: systemClock,
      random: Math.random,
      log: this.#log,
      onFatal: this.#options.onFatal,
      onCondemned: (error: ClusterError) => this.#condemned(error),
    };
    return openNode(directories, this.#loaded, settings, this.#log, this.#options.place);
  }

  #createBroker(cluster: Cluster): Broker {
    const { config } = this.#loaded;
    const broker = createBroker({
      cluster,
      replica: this.#replica,
      clock: systemClock,
      log: this.#log,
      patterns: this.#patterns,
      version,
      authenticator: this.#options.access.authenticator,
      authorizer: this.#options.access.authorizer,
      partitionMode: config.partitionMode,
      shareStrategy: config.shareStrategy,
      hasAwsShadowTopics: config.hasAwsShadowTopics,
      limits: limitsOf(config),
      sysIntervalMs: config.sysIntervalSeconds * 1000,
      heapSizeBytes: () => process.memoryUsage().heapUsed,
    });
    this.#local.broker = broker;
    broker.start();
    this.#openToDrain(cluster, broker);
    return broker;
  }

  #openToDrain(cluster: Cluster, broker: Broker): void {
    const { mqtt, advertiseMqtt } = this.#loaded.config;
    const machine = machineName();
    this.#drain = new NodeDrain({
      ...{ cluster, clients: broker.drain, clock: systemClock, log: this.#log },
      address: () => ({
        advertised: advertiseMqtt,
        host: mqtt.host,
        port: this.#local.ports.mqtt ?? 0,
        isReady: this.#local.isReady(),
        machine,
        sharedDoors: this.#listeners?.openShared() ?? [],
      }),
      leaveDoors: (names) => this.#listeners?.leave(names),
    });
    this.#drain.start();
    this.#local.drains = new DrainRequests(cluster, this.#drain);
    this.#local.drains.start();
  }

  async #settle(cluster: Cluster): Promise<void> {
    const deadlineMs = systemClock.monotonicMs() + settleMs;
    const isJoined = (): boolean =>
      cluster.readiness().every(({ name, isOk }) => name !== "joined" || isOk);
    while (!this.#local.isStopping && !cluster.isReady()) {
      if (isJoined() && systemClock.monotonicMs() > deadlineMs) {
        this.#log.warn({ readiness: cluster.readiness() }, "clients are let in, though not ready");
        return;
      }
      await new Promise<void>((resolve) => {
        systemClock.after(settlePollMs, resolve);
      });
    }
  }

  async #listen(broker: Broker, opened: OpenedNode): Promise<Ports> {
    const log = this.#log;
    const { dataDir } = opened;
    const { http = 0, peer = 0 } = this.#local.ports;
    const listeners = new ClientListeners(broker, log, systemClock);
    this.#listeners = listeners;
    // A stop meanwhile has not seen them.
    if (this.#local.isStopping) await listeners.stopAccepting();
    const mqtt = await listeners.open(listenTcp, this.#portOf("mqtt", opened));
    const ws = await listeners.open(listenWebSocket, this.#portOf("ws", opened));
    const tlsPorts = await this.#listenTls(listeners, opened);
    const ports: Ports = { mqtt, ws, http, peer, ...tlsPorts };
    this.#local.ports = ports;
    this.#local.areListenersOpen = () => listeners.areOpen;
    writePorts(dataDir, ports);
    for (const face of ["mqtt", "ws", "http", "peer", "mqtts", "wss"] as const) {
      if (
        ports[face] !== undefined &&
        this.#loaded.sources[face] === "default" &&
        ports[face] !== this.#loaded.config[face].port
      ) {
        log.info({ face, port: ports[face] }, "not the default port: that one is taken, or was");
      }
    }
    return ports;
  }

  async #listenTls(
    listeners: ClientListeners,
    opened: OpenedNode,
  ): Promise<Pick<Ports, "mqtts" | "wss">> {
    const { access } = this.#options;
    const { tls } = access;
    if (tls === null) return {};
    const mqtts = await listeners.open(listenTcp, { ...this.#portOf("mqtts", opened), tls });
    const wss = await listeners.open(listenWebSocket, { ...this.#portOf("wss", opened), tls });
    access.onTlsChanged((settings) => {
      listeners.renewTls(settings);
      if (this.#loaded.config.httpTls) this.#api.renewTls(settings);
    });
    return { mqtts, wss };
  }
}

function patternsOf(config: Config): CompiledPatterns {
  try {
    return compilePatterns(config.devicePatterns);
  } catch (error) {
    throw new UsageError(`--device-pattern: ${error instanceof Error ? error.message : error}`);
  }
}

/** The leader of the moment decides who votes, by its own waits. */
function timingsOf({ promoteAfterSeconds, replaceAfterSeconds }: Config): ClusterTimings {
  return {
    ...defaultTimings,
    stabilizationMs: promoteAfterSeconds * 1000,
    replaceVoterAfterMs: replaceAfterSeconds === 0 ? Infinity : replaceAfterSeconds * 1000,
  };
}

function limitsOf(config: Config): BrokerLimits {
  return {
    ...defaultBrokerLimits,
    connectionsMax: config.connectionsMax,
    maximumPacketSizeBytes: config.packetSizeBytesMax,
    stateCoalesceMs: config.deviceCoalesceMs,
    busyClientRestMs: config.busyClientRestMs,
    turnSpacingMs: config.turnSpacingMicroseconds / 1000,
    sessionExpirySecondsMax: config.sessionExpirySecondsMax,
    keepAliveSecondsMax: config.keepAliveSecondsMax,
    session: {
      ...defaultBrokerLimits.session,
      queuedMessagesMax: config.queuedMessagesMax,
      queuedSizeBytesMax: config.queuedSizeBytesMax,
      queuedAgeSecondsMax: config.queuedAgeSecondsMax,
      queuedDrop: config.queuedDrop,
      receiveMaximum: config.receiveMaximum,
    },
  };
}
