import {
  type Cluster,
  ClusterError,
  type ClusterStatus,
  type CompactedLog,
  Histogram,
  latencyBoundsSeconds,
  type MemberView,
  type NodeFigures,
  type ReadOutcome,
  stopRisks,
  systemClock,
} from "#cluster";
import type { ClientAccess } from "./access/client-access.ts";
import type { ClientQueries } from "./api/client-ports.ts";
import type {
  AttributeWrite,
  BrokerFigures,
  DeviceQueries,
  DrainState,
  MessageHeard,
  MessageWatch,
  NodePort,
  Onlooker,
  PublishRequest,
  PublishResult,
  ReplyWait,
  RetainedState,
  ShadowState,
} from "./api/ports.ts";
import type { Broker } from "./broker/broker.ts";
import type { CompiledPatterns } from "./broker/device-patterns.ts";
import { BrokerError } from "./broker/errors.ts";
import type { Ports } from "./config/saved-ports.ts";
import type { DrainRequest, DrainRequests } from "./drain-requests.ts";
import { type ApplicationMessage, expiresAtMs } from "./mqtt/message.ts";
import { NodeClients } from "./node-clients.ts";
import { NodePeers } from "./node-peers.ts";
import type { Replica } from "./replica/replica.ts";
import type { ShadowDocument } from "./replica/replica-api.ts";
import { deltaOf } from "./replica/shadow-document.ts";

/** A gauge among the replica's counters. */
const replicaGauge = "replica_records";

/** This node as the HTTP API sees it, from the first moment on: what is not there yet is refused or zero. */
export class LocalNode implements NodePort {
  readonly version: string;
  readonly startedAtMs: number;
  cluster: Cluster | null = null;
  broker: Broker | null = null;
  drains: DrainRequests | null = null;
  ports: Partial<Ports> = {};
  areListenersOpen: () => boolean = () => false;
  isStopping = false;
  /** The replica was found wrong: nothing of it is read any more. */
  isCondemned = false;
  readonly peers = new NodePeers();
  readonly #clients: NodeClients;
  readonly #replica: Replica;
  readonly #patterns: CompiledPatterns;
  readonly #access: ClientAccess;
  readonly #nameAsked: string;

  constructor(
    replica: Replica,
    patterns: CompiledPatterns,
    access: ClientAccess,
    facts: { readonly version: string; readonly startedAtMs: number; readonly name: string | null },
  ) {
    this.#replica = replica;
    this.#clients = new NodeClients(replica, () => this.broker);
    this.#patterns = patterns;
    this.#access = access;
    this.#nameAsked = facts.name ?? "";
    this.version = facts.version;
    this.startedAtMs = facts.startedAtMs;
  }

  /** Empty until the cluster has given one. */
  get name(): string {
    return this.cluster?.name ?? this.#nameAsked;
  }

  get devices(): DeviceQueries {
    this.#checkContent();
    return this.#replica.devices;
  }

  figures(): BrokerFigures {
    const counters = new Map([
      ...(this.broker?.figures().counters ?? []),
      ...[...this.#replica.metrics()].filter(([name]) => name !== replicaGauge),
      ...this.#patterns.metrics(),
      ...this.#access.metrics(),
    ]);
    const figures = this.broker?.figures();
    return {
      connections: figures?.connections ?? 0,
      sessions: figures?.sessions ?? 0,
      subscriptions: figures?.subscriptions ?? 0,
      sharedSubscriptions: figures?.sharedSubscriptions ?? 0,
      retained: this.#replica.retainedCount,
      devices: this.#replica.devices.count(),
      counters,
    };
  }

  /** For the status line of this node. */
  nodeFigures(): NodeFigures {
    const { retained, devices, sessions, connections } = this.figures();
    return { retained, devices, sessions, connections, ports: { ...this.ports } };
  }

  clusterMetrics(): ReadonlyMap<string, number> {
    const records = this.#replica.metrics().get(replicaGauge) ?? 0;
    return new Map([...(this.cluster?.metrics() ?? []), [replicaGauge, records]]);
  }

  histograms(): ReadonlyMap<string, Histogram> {
    const none = new Histogram(latencyBoundsSeconds);
    return new Map([
      ["flockmq_publish_acknowledge_latency_seconds", this.broker?.acknowledgeLatency ?? none],
      ["flockmq_cluster_commit_latency_seconds", this.cluster?.commitLatency ?? none],
    ]);
  }

  nodeName(nodeId: string): string {
    const member = this.cluster?.members().find((each) => each.nodeId === nodeId);
    return member?.name ?? nodeId;
  }

  shadowOf(device: string): ShadowState | null {
    this.#checkContent();
    const document = this.#replica.shadowOf(device);
    return document === null ? null : shadowState(document);
  }

  async setDesired(
    device: string,
    desired: Readonly<Record<string, unknown>> | null,
    expectedVersion: number | undefined,
  ): Promise<ShadowState> {
    const version = expectedVersion === undefined ? {} : { version: expectedVersion };
    const { current } = await this.#openBroker().setShadow(device, { desired, ...version });
    if (current === undefined) throw new BrokerError("no-quorum", "the write was not understood");
    return shadowState(current);
  }

  async deleteDevice(device: string): Promise<boolean> {
    return this.#openBroker().deleteDevice(device);
  }

  async clusterStatus(): Promise<ClusterStatus> {
    return this.#joined().status();
  }

  async verifyCluster(): Promise<ClusterStatus> {
    return this.#joined().verify();
  }

  async removeMember(nameOrId: string): Promise<void> {
    await this.#joined().removeMember(this.#member(nameOrId).nodeId);
  }

  async transferLeadership(nameOrId: string | null): Promise<string> {
    const to = nameOrId === null ? null : this.#member(nameOrId).nodeId;
    const leader = await this.#joined().transferLeadership(to);
    return this.#member(leader).name;
  }

  async compactLog(nameOrId: string | null): Promise<readonly CompactedLog[]> {
    return this.#joined().compactLog(nameOrId === null ? null : this.#member(nameOrId).nodeId);
  }

  async stopRisks(
    namesOrIds: readonly string[],
  ): Promise<{ readonly nodes: readonly string[]; readonly reasons: readonly string[] }> {
    const nodes = [...new Set(namesOrIds.map((nameOrId) => this.#member(nameOrId).name))];
    return { nodes, reasons: stopRisks(await this.#joined().status(), nodes) };
  }

  async drain(nameOrId: string, clientsPerSecond: number): Promise<DrainState> {
    return this.#askToDrain(nameOrId, { action: "begin", clientsPerSecond });
  }

  async cancelDrain(nameOrId: string): Promise<DrainState> {
    return this.#askToDrain(nameOrId, { action: "cancel" });
  }

  async drainState(nameOrId: string): Promise<DrainState> {
    return this.#askToDrain(nameOrId, { action: "look" });
  }

  async #askToDrain(nameOrId: string, request: DrainRequest): Promise<DrainState> {
    const member = this.#member(nameOrId);
    if (this.drains === null) throw new ClusterError("unreachable", "this node is not open yet");
    return this.drains.ask(member, request);
  }

  #member(nameOrId: string): MemberView {
    const member = this.#joined()
      .members()
      .find(({ name, nodeId }) => name === nameOrId || nodeId === nameOrId);
    if (member === undefined) {
      throw new ClusterError("unknown-node", `no member "${nameOrId}"`);
    }
    return member;
  }

  isReady(): boolean {
    return this.readiness().every(({ isOk }) => isOk);
  }

  readiness(): readonly { readonly name: string; readonly isOk: boolean }[] {
    return [
      ...(this.cluster?.readiness() ?? [{ name: "joined", isOk: false }]),
      { name: "listeners", isOk: this.areListenersOpen() },
      { name: "running", isOk: !this.isStopping },
      { name: "undrained", isOk: !(this.broker?.drain.isOn ?? false) },
    ];
  }

  stalenessMs(): number {
    return this.cluster?.stalenessMs() ?? Number.POSITIVE_INFINITY;
  }

  async readBarrier(timeoutMs: number): Promise<ReadOutcome> {
    return this.cluster === null ? "no-quorum" : this.cluster.readBarrier(timeoutMs);
  }

  async publish(request: PublishRequest): Promise<PublishResult> {
    return this.#openBroker().publish(request);
  }

  get clusterId(): string | null {
    return this.cluster?.clusterId ?? null;
  }

  watchMessages(filters: readonly string[], onlooker: Onlooker, heard: MessageHeard): MessageWatch {
    this.#checkContent();
    return this.#openBroker().watchMessages(filters, onlooker, heard);
  }

  getRetained(topic: string): RetainedState | null {
    return this.retainedMessage(topic);
  }

  retainedMessage(topic: string): ApplicationMessage | null {
    this.#checkContent();
    const message = this.#replica.getRetained(topic);
    return message === null || expiresAtMs(message) <= systemClock.wallMs() ? null : message;
  }

  /** Without those that have expired. */
  *retainedTopics(filter: string): Iterable<readonly string[]> {
    for (const topics of this.#replica.retainedTopics(filter, systemClock.wallMs())) {
      this.#checkContent();
      if (this.#replica.isLoading) {
        throw new BrokerError("overloaded", "the state is being replaced by a snapshot; try again");
      }
      yield topics;
    }
  }

  get clients(): ClientQueries {
    this.#checkContent();
    return this.#clients;
  }

  async awaitReply(): Promise<ReplyWait> {
    return this.#openBroker().replies.await();
  }

  async setAttribute(write: AttributeWrite): Promise<{ readonly version: number }> {
    return this.#openBroker().setAttribute(write);
  }

  #checkContent(): void {
    if (!this.isCondemned) return;
    throw new ClusterError("stopped", "the content of this node was found wrong; it starts anew");
  }

  #openBroker(): Broker {
    if (this.broker === null) {
      throw new BrokerError("no-quorum", "this node has not joined a cluster yet");
    }
    return this.broker;
  }

  #joined(): Cluster {
    if (this.cluster === null) {
      throw new ClusterError("unreachable", "this node has not joined a cluster yet");
    }
    return this.cluster;
  }
}

function shadowState({ version, desired, reported }: ShadowDocument): ShadowState {
  return { version, desired, reported, delta: deltaOf(desired, reported) };
}
