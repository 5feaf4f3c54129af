import type { ClusterStatus, CompactedLog, Histogram, NodeStatus } from "#cluster";
import type {
  AttributeState,
  AttributeWrite,
  BrokerFigures,
  DeviceQueries,
  DeviceState,
  DrainState,
  HistoryValue,
  MessageHeard,
  MessageWatch,
  NodePort,
  Onlooker,
  PublishRequest,
  PublishResult,
  Reply,
  ReplyWait,
  RetainedMessage,
  RetainedState,
  ShadowState,
} from "../../src/api/ports.ts";
import { BrokerError } from "../../src/broker/errors.ts";
import type { ApplicationMessage } from "../../src/mqtt/message.ts";
import { matches } from "../../src/mqtt/topic.ts";
import { deltaOf, mergePatch } from "../../src/replica/shadow-document.ts";
import { FakeClients, FakePeers } from "./fake-clients.ts";

/** Device state in memory, in the order that the real view keeps. */
export class FakeDevices implements DeviceQueries {
  readonly #states = new Map<string, DeviceState>();
  readonly #handlers = new Set<(id: string) => void>();
  readonly #history = new Map<string, readonly HistoryValue[]>();
  #version = 0;

  set(id: string, attribute: string, value: unknown, timeMs = 1000): void {
    this.#version++;
    const state: AttributeState = {
      value,
      version: this.#version,
      timeMs,
      source: "robot",
      node: "1",
    };
    const attributes = new Map(this.#states.get(id)?.attributes ?? []).set(attribute, state);
    const seen = { updatedAtMs: timeMs, online: true, lastSeenMs: timeMs };
    this.#states.set(id, { id, attributes, version: this.#version, ...seen });
    const past = this.#history.get(`${id}/${attribute}`) ?? [];
    this.#history.set(`${id}/${attribute}`, [...past, { value, version: this.#version, timeMs }]);
    for (const handler of this.#handlers) {
      handler(id);
    }
  }

  /** A device without attributes is none. */
  remove(id: string, attribute: string): void {
    const state = this.#states.get(id);
    if (state === undefined) return;
    const attributes = new Map(state.attributes);
    attributes.delete(attribute);
    if (attributes.size === 0) this.#states.delete(id);
    else this.#states.set(id, { ...state, attributes });
  }

  count(): number {
    return this.#states.size;
  }

  get(id: string): DeviceState | null {
    return this.#states.get(id) ?? null;
  }

  list(after: string, limit: number): readonly DeviceState[] {
    return [...this.#states.values()]
      .filter(({ id }) => id > after)
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .slice(0, limit);
  }

  history(id: string, attribute: string, limit: number): readonly HistoryValue[] {
    return (this.#history.get(`${id}/${attribute}`) ?? []).slice(-limit);
  }

  get index(): number {
    return this.#version;
  }

  replacedCount = 0;

  delete(id: string): boolean {
    this.#version++;
    const isDeleted = this.#states.delete(id);
    for (const handler of this.#handlers) handler(id);
    return isDeleted;
  }

  /** As when a node loads another state. */
  replace(ids: readonly string[], version: number): void {
    this.replacedCount++;
    this.#states.clear();
    this.#version = 0;
    for (const id of ids)
      this.#states.set(id, {
        ...{ id, attributes: new Map(), version, updatedAtMs: 0 },
        ...{ online: false, lastSeenMs: 0 },
      });
    for (const handler of this.#handlers) for (const id of ids) handler(id);
  }

  /** The next change is one after this. */
  moveTo(version: number): void {
    this.#version = version;
  }

  onChanged(handler: (id: string) => void): () => void {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  get listenerCount(): number {
    return this.#handlers.size;
  }
}

/** Messages that somebody looks on at; a test says what there is to hear. */
export class FakeWatch implements MessageWatch {
  readonly filters: readonly string[];
  readonly onlooker: Onlooker;
  readonly heard: MessageHeard;
  readonly isLive = Promise.resolve();
  retainedMessages: ApplicationMessage[] = [];
  isClosed = false;

  constructor(filters: readonly string[], onlooker: Onlooker, heard: MessageHeard) {
    this.filters = filters;
    this.onlooker = onlooker;
    this.heard = heard;
  }

  async retained(countMax: number): Promise<readonly ApplicationMessage[]> {
    return this.retainedMessages.slice(0, countMax);
  }

  close(): void {
    this.isClosed = true;
  }
}

/** A node without broker or cluster; a test sets the public fields. */
export class FakeNodePort implements NodePort {
  readonly name = "n1";
  readonly version = "0.1.0";
  readonly startedAtMs = 1_700_000_000_000;
  readonly devices = new FakeDevices();
  readonly counters = new Map<string, number>();
  readonly published: PublishRequest[] = [];
  readonly removed: string[] = [];
  ready = true;
  barrier: "ok" | "no-quorum" = "ok";
  readonly retained = new Map<string, RetainedState>();
  readonly attributeWrites: AttributeWrite[] = [];
  readonly shadows = new Map<string, { version: number; desired: Record<string, unknown> }>();
  compacted: readonly CompactedLog[] = [{ name: "n1", index: 120 }];
  risks: readonly string[] = [];
  /** What the next questions about a drain are answered; the last one stays. */
  drainStates: DrainState[] = [drainState("drained")];
  readonly drained: (readonly [string, number])[] = [];
  #version = 40;
  matched = 1;
  failure: Error | null = null;
  status: ClusterStatus = clusterStatus([nodeStatus("n1")]);

  readonly clients = new FakeClients();
  readonly peers = new FakePeers();
  delivery: PublishResult["delivery"] = "delivered";
  /** What a device answers to a command; null = nothing. */
  reply: Reply | null = null;

  *retainedTopics(filter: string): Iterable<readonly string[]> {
    for (const topic of this.retained.keys()) yield matches(filter, topic) ? [topic] : [];
  }

  retainedMessage(topic: string): RetainedMessage | null {
    const state = this.retained.get(topic);
    return state === undefined
      ? null
      : { topic, ...state, qos: 1, receivedAtMs: 1000, publisherId: "" };
  }

  async awaitReply(): Promise<ReplyWait> {
    return {
      topic: "$flockmq/responses/n1/1",
      correlation: Buffer.from("1"),
      reply: async () => this.reply,
      cancel: () => {},
    };
  }

  figures(): BrokerFigures {
    return {
      connections: 2,
      sessions: 3,
      subscriptions: 4,
      sharedSubscriptions: 0,
      retained: 5,
      devices: this.devices.count(),
      counters: this.counters,
    };
  }

  histograms(): ReadonlyMap<string, Histogram> {
    return new Map();
  }

  clusterMetrics(): ReadonlyMap<string, number> {
    return new Map([
      ["raft_term", 4],
      ["snapshots_sent", 2],
      ["storage_synced_batches_total", 9],
    ]);
  }

  async clusterStatus(): Promise<ClusterStatus> {
    this.#failIfAsked();
    return this.status;
  }

  async verifyCluster(): Promise<ClusterStatus> {
    this.#failIfAsked();
    return { ...this.status, verified: { index: 118, replicas: this.status.nodes.length } };
  }

  async transferLeadership(nameOrId: string | null): Promise<string> {
    this.#failIfAsked();
    return nameOrId ?? "n2";
  }

  async compactLog(nameOrId: string | null): Promise<readonly CompactedLog[]> {
    this.#failIfAsked();
    return nameOrId === null ? this.compacted : [{ name: nameOrId, index: 120 }];
  }

  async stopRisks(
    nodes: readonly string[],
  ): Promise<{ nodes: readonly string[]; reasons: readonly string[] }> {
    this.#failIfAsked();
    return { nodes, reasons: this.risks };
  }

  async drain(nameOrId: string, clientsPerSecond: number): Promise<DrainState> {
    this.#failIfAsked();
    this.drained.push([nameOrId, clientsPerSecond]);
    return this.drainState(nameOrId);
  }

  async cancelDrain(nameOrId: string): Promise<DrainState> {
    this.#failIfAsked();
    return { ...drainState("off"), node: nameOrId };
  }

  async drainState(nameOrId: string): Promise<DrainState> {
    this.#failIfAsked();
    const [first = drainState("off")] = this.drainStates;
    if (this.drainStates.length > 1) this.drainStates.shift();
    return { ...first, node: nameOrId };
  }

  async removeMember(nameOrId: string): Promise<void> {
    this.#failIfAsked();
    this.removed.push(nameOrId);
  }

  isReady(): boolean {
    return this.ready;
  }

  readiness(): readonly { readonly name: string; readonly isOk: boolean }[] {
    return [
      { name: "storage", isOk: true },
      { name: "cluster", isOk: this.ready },
    ];
  }

  stalenessMs(): number {
    return 12.4;
  }

  async readBarrier(): Promise<"ok" | "no-quorum"> {
    return this.barrier;
  }

  async publish(request: PublishRequest): Promise<PublishResult> {
    this.#failIfAsked();
    this.published.push(request);
    return {
      matched: this.matched,
      delivery: this.delivery,
      version: this.#write(request.retain, request),
    };
  }

  clusterId: string | null = "c0ffee";
  readonly watches: FakeWatch[] = [];

  watchMessages(filters: readonly string[], onlooker: Onlooker, heard: MessageHeard): MessageWatch {
    this.#failIfAsked();
    const watch = new FakeWatch(filters, onlooker, heard);
    this.watches.push(watch);
    return watch;
  }

  getRetained(topic: string): RetainedState | null {
    return this.retained.get(topic) ?? null;
  }

  async setAttribute(write: AttributeWrite): Promise<{ readonly version: number }> {
    this.#failIfAsked();
    const { device, attribute, value, expectedVersion } = write;
    checkVersion(
      this.devices.get(device)?.attributes.get(attribute)?.version ?? 0,
      expectedVersion,
    );
    this.attributeWrites.push(write);
    if (value === undefined) this.devices.remove(device, attribute);
    else this.devices.set(device, attribute, value);
    return { version: this.devices.get(device)?.version ?? 0 };
  }

  nodeName(nodeId: string): string {
    return `n${nodeId}`;
  }

  shadowOf(device: string): ShadowState | null {
    const state = this.devices.get(device);
    const shadow = this.shadows.get(device);
    if (state === null && shadow === undefined) return null;
    const attributes = [...(state?.attributes ?? [])].map(([name, { value }]) => [name, value]);
    const reported = Object.fromEntries(attributes) as Record<string, unknown>;
    const desired = shadow?.desired ?? {};
    const delta = deltaOf(desired, reported);
    return { version: shadow?.version ?? 0, desired, reported, delta };
  }

  async setDesired(
    device: string,
    state: Readonly<Record<string, unknown>> | null,
    expectedVersion: number | undefined,
  ): Promise<ShadowState> {
    this.#failIfAsked();
    const before = this.shadows.get(device);
    checkVersion(before?.version ?? 0, expectedVersion);
    const desired = mergePatch(before?.desired ?? {}, state ?? {}) as Record<string, unknown>;
    this.shadows.set(device, { version: ++this.#version, desired });
    return this.shadowOf(device)!;
  }

  async deleteDevice(device: string): Promise<boolean> {
    this.#failIfAsked();
    this.shadows.delete(device);
    return this.devices.delete(device);
  }

  #write(isRetained: boolean, { topic, payload, expectedVersion }: PublishRequest): number {
    if (!isRetained) return 0;
    checkVersion(this.retained.get(topic)?.version ?? 0, expectedVersion);
    this.#version++;
    if (payload.length === 0) this.retained.delete(topic);
    else this.retained.set(topic, { payload, version: this.#version });
    return this.#version;
  }

  #failIfAsked(): void {
    if (this.failure !== null) {
      throw this.failure;
    }
  }
}

export function drainState(
  phase: DrainState["phase"],
  changes: Partial<DrainState> = {},
): DrainState {
  return { node: "n1", phase, clientsLeft: 0, clientsMoved: 12, problem: null, ...changes };
}

function checkVersion(currentVersion: number, expected: number | undefined): void {
  if (expected !== undefined && expected !== currentVersion) {
    throw new BrokerError("version-conflict", "nothing was written", { currentVersion });
  }
}

export function nodeStatus(name: string, changes: Partial<NodeStatus> = {}): NodeStatus {
  return {
    name,
    nodeId: name.padEnd(32, "0"),
    role: "leader",
    voter: true,
    state: "up",
    term: 4,
    lastIndex: 120,
    commitIndex: 120,
    appliedIndex: 120,
    digest: "0123456789abcdef",
    digestIndex: 118,
    routesDigest: "fedcba9876543210",
    routesCount: 12,
    retained: 10,
    devices: 3,
    sessions: 7,
    connections: 9,
    version: "0.1.0",
    uptimeSeconds: 61,
    ports: { mqtt: 1883, ws: 8083, http: 8080, peer: 7001 },
    ...changes,
  };
}

export function clusterStatus(
  nodes: readonly NodeStatus[],
  changes: Partial<ClusterStatus> = {},
): ClusterStatus {
  return {
    clusterId: "c0ffee",
    inSync: true,
    quorum: true,
    leader: nodes.find(({ role }) => role === "leader")?.name ?? null,
    term: 4,
    nodes,
    reasons: [],
    ...changes,
  };
}
