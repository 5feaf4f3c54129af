import { type Cluster, defaultTimings, type StartingCluster, systemClock } from "#cluster";
import { ApiServer } from "./api/server.ts";
import { type Broker, createBroker } from "./broker/broker.ts";
import { type CompiledPatterns, compilePatterns } from "./broker/device-patterns.ts";
import { type BrokerLimits, defaultBrokerLimits } from "./broker/limits.ts";
import type { LoadedConfig } from "./config/config.ts";
import { dataDirectories } from "./config/data-directory.ts";
import { portRequest } from "./config/listen-ports.ts";
import type { Config } from "./config/options.ts";
import { type Ports, writePorts } from "./config/saved-ports.ts";
import { loadSecret, secretRequest } from "./config/secret.ts";
import { UsageError } from "./config/usage-error.ts";
import type { Listener } from "./listeners/listener.ts";
import { listenTcp } from "./listeners/tcp.ts";
import { listenWebSocket } from "./listeners/websocket.ts";
import { LocalNode } from "./local-node.ts";
import { bindNextFree, checkFixedPorts } from "./port-binding.ts";
import { Replica } from "./replica/replica.ts";
import { formationOf, type OpenedNode, openNode } from "./startup.ts";
import type { Logger } from "./telemetry/log.ts";
import { version } from "./version.ts";

/**
 * How long clients are kept out after the state was loaded, for the node to be in step with the others. Without a quorum
 * it will not be, and what needs none must be served all the same.
 */
const settleMs = 3000;
const settlePollMs = 20;

/** What the line that says ready tells. */
export interface ReadyFacts extends Ports {
  readonly node: string;
  readonly nodeId: string;
}

/** Puts one broker node together, and takes it apart again. */
export class BrokerNode {
  readonly #loaded: LoadedConfig;
  readonly #log: Logger;
  readonly #onFatal: (error: Error) => void;
  readonly #local: LocalNode;
  readonly #replica = new Replica();
  readonly #patterns: CompiledPatterns;
  readonly #api: ApiServer;
  readonly #listeners: Listener[] = [];
  #starting: StartingCluster | null = null;

  constructor(loaded: LoadedConfig, log: Logger, onFatal: (error: Error) => void) {
    this.#loaded = loaded;
    this.#log = log;
    this.#onFatal = onFatal;
    this.#patterns = patternsOf(loaded.config);
    this.#local = new LocalNode(this.#replica, this.#patterns, {
      version,
      startedAtMs: systemClock.wallMs(),
      name: loaded.config.name,
    });
    this.#api = new ApiServer({
      node: this.#local,
      clock: systemClock,
      log,
      isOpen: loaded.config.allowAnonymous,
    });
  }

  /** Resolves when the node is ready; null when it was stopped on the way. */
  async start(): Promise<ReadyFacts | null> {
    await checkFixedPorts(this.#loaded);
    const opened = await this.#open();
    this.#starting = opened.starting;
    const http = await bindNextFree(portRequest("http", this.#loaded, opened.saved), (host, port) =>
      this.#api.listen(host, port),
    );
    this.#local.ports = { http, peer: opened.starting.peerPort };
    const cluster = await opened.starting.cluster;
    this.#local.cluster = cluster;
    const broker = this.#createBroker(cluster);
    await this.#settle(cluster);
    if (this.#local.isStopping) {
      return null;
    }
    const ports = await this.#listen(broker, opened);
    await cluster.whenReady();
    return { node: cluster.name, nodeId: cluster.nodeId, ...ports };
  }

  /**
   * Readiness off, no new clients, goodbye to those that are here (0x8B), leadership handed over, disk at rest. May take
   * `timeoutMs` and a little more.
   */
  async stop(timeoutMs: number): Promise<void> {
    const { broker, cluster } = this.#local;
    this.#local.isStopping = true;
    await Promise.all(this.#listeners.map((listener) => listener.stopAccepting()));
    await broker?.stop(timeoutMs * 0.4);
    if (cluster === null) {
      await this.#starting?.stop();
    } else {
      await cluster.stop(timeoutMs * 0.6);
    }
    await this.#api.close();
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
    const settings = {
      name: config.name,
      isMdnsEnabled: config.mdns,
      secret: secret.bytes,
      formation: formationOf(this.#loaded),
      votersMax: config.votersMax,
      stateMachine: this.#replica,
      figures: () => this.#local.nodeFigures(),
      version,
      timings: defaultTimings,
      diskReserveSizeBytes: config.diskReserveSizeBytes,
      scrubIntervalMs: config.scrubIntervalSeconds * 1000,
      clock: systemClock,
      random: Math.random,
      log: this.#log,
      onFatal: this.#onFatal,
    };
    return openNode(directories, this.#loaded, settings, this.#log);
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
      limits: limitsOf(config),
      sysIntervalMs: config.sysIntervalSeconds * 1000,
      heapSizeBytes: () => process.memoryUsage().heapUsed,
    });
    this.#local.broker = broker;
    broker.start();
    return broker;
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

  async #listen(broker: Broker, { saved, dataDir }: OpenedNode): Promise<Ports> {
    const log = this.#log;
    const { http = 0, peer = 0 } = this.#local.ports;
    const mqtt = await listenTcp(portRequest("mqtt", this.#loaded, saved), broker, log);
    this.#listeners.push(mqtt);
    const ws = await listenWebSocket(portRequest("ws", this.#loaded, saved), broker, log);
    this.#listeners.push(ws);
    const ports = { mqtt: mqtt.port, ws: ws.port, http, peer };
    this.#local.ports = ports;
    this.#local.areListenersOpen = true;
    writePorts(dataDir, ports);
    for (const face of ["mqtt", "ws", "http", "peer"] as const) {
      if (
        this.#loaded.sources[face] === "default" &&
        ports[face] !== this.#loaded.config[face].port
      ) {
        log.info({ face, port: ports[face] }, "not the default port: that one is taken, or was");
      }
    }
    return ports;
  }
}

function patternsOf(config: Config): CompiledPatterns {
  try {
    return compilePatterns(config.devicePatterns);
  } catch (error) {
    throw new UsageError(`--device-pattern: ${error instanceof Error ? error.message : error}`);
  }
}

function limitsOf(config: Config): BrokerLimits {
  return {
    ...defaultBrokerLimits,
    connectionsMax: config.connectionsMax,
    maximumPacketSizeBytes: config.packetSizeBytesMax,
    sessionExpirySecondsMax: config.sessionExpirySecondsMax,
    session: {
      ...defaultBrokerLimits.session,
      queuedMessagesMax: config.queuedMessagesMax,
      receiveMaximum: config.receiveMaximum,
    },
  };
}
