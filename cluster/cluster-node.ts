import type {
  Cluster,
  InterestHandler,
  MemberView,
  ProposalOutcome,
  ReadOutcome,
} from "./cluster-api.ts";
import type { ClusterNodeOptions } from "./cluster-node-options.ts";
import { AddressGossip } from "./drivers/address-gossip.ts";
import type { CompactedLog } from "./drivers/compaction-driver.ts";
import { Consensus } from "./drivers/consensus.ts";
import { consentRequestKind } from "./drivers/formation.ts";
import { ForwardDriver } from "./drivers/forward-driver.ts";
import { InterestDriver } from "./drivers/interest-driver.ts";
import { MemberDriver } from "./drivers/member-driver.ts";
import { OwnMembership } from "./drivers/own-membership.ts";
import { ownStatus } from "./drivers/own-status.ts";
import { Readiness } from "./drivers/readiness.ts";
import { RemovalNotice, removedRequestKind } from "./drivers/removal-notice.ts";
import { SeedDialler } from "./drivers/seed-dialler.ts";
import { snapshotBulkKind } from "./drivers/snapshot-sender.ts";
import { StatusDriver, statusRequestKind } from "./drivers/status-driver.ts";
import { Upkeep } from "./drivers/upkeep.ts";
import { ClusterError } from "./errors.ts";
import type { Histogram } from "./histogram.ts";
import { targetVoters } from "./members/autopilot-plan.ts";
import type { NodeId } from "./node-id.ts";
import { expectedNodes } from "./options.ts";
import type { RaftStatus } from "./raft/ready.ts";
import type { Configuration } from "./raft/types.ts";
import type { ClusterStatus } from "./status.ts";
import { Channel, type LinkEvent, type LinkStats } from "./transport/transport.ts";
import { ControlKind } from "./wire/frame-kinds.ts";

/** What the goodbye to peers and the disk may take of the time given to `stop`. */
const closingMs = 1000;

/** Puts the drivers of one node together; each does one thing, this decides who hears of what. */
export class ClusterNode implements Cluster {
  readonly nodeId: NodeId;
  readonly name: string;
  readonly clusterId: string;
  readonly incarnation: number;
  readonly #options: ClusterNodeOptions;
  readonly #consensus: Consensus;
  readonly #members: MemberDriver;
  readonly #addresses: AddressGossip;
  readonly #seeds: SeedDialler;
  readonly #interest: InterestDriver;
  readonly #forward: ForwardDriver;
  readonly #status: StatusDriver;
  readonly #upkeep: Upkeep;
  readonly #readiness: Readiness;
  readonly #removals: RemovalNotice;
  readonly #ownMembership: OwnMembership;
  readonly #startedMs: number;
  readonly #requestHandlers = new Map<
    string,
    (from: NodeId, payload: Uint8Array) => Promise<Uint8Array>
  >();
  readonly #memberHandlers: (() => void)[] = [];
  #isStopping = false;
  /** Members as of the last change, so that those removed since are noticed. */
  #knownNodes: ReadonlySet<NodeId> = new Set();

  constructor(options: ClusterNodeOptions) {
    this.#options = options;
    const { transport, clock, random, log, counters, agreed, restore, timings } = options;
    this.nodeId = transport.nodeId;
    this.name = options.record.name;
    this.clusterId = options.record.clusterId;
    this.incarnation = restore.incarnation;
    this.#startedMs = clock.monotonicMs();
    const { nodeId, incarnation } = this;
    const stateOf = (id: NodeId): "up" | "suspect" | "down" => this.#members.stateOf(id);
    this.#consensus = new Consensus({
      ...options,
      nodeId,
      clusterId: this.clusterId,
      incarnation,
      stateOf,
      onConfigured: (configuration) => this.#configured(configuration),
      onRoleChanged: (status) => this.#roleChanged(status),
    });
    this.#ownMembership = new OwnMembership({
      ...options,
      nodeId,
      name: this.name,
      clusterId: this.clusterId,
      proposals: this.#consensus.proposals,
    });
    const ports = { transport, clock, random, log, counters };
    this.#members = new MemberDriver({
      ...ports,
      nodeId,
      timings,
      piggyback: () => this.#interest.piggyback(),
      onPiggyback: (from, bytes) => this.#interest.onPiggyback(from, bytes),
      onStateChanged: (nodeId, state) => {
        this.#interest.onMemberState(nodeId, state);
        this.#membersChanged();
      },
    });
    this.#seeds = new SeedDialler({
      ...ports,
      addresses: options.formation.kind === "found" ? [] : options.formation.addresses,
      areAllLinked: () => this.#members.areAllLinked(),
    });
    const isMember = (id: NodeId): boolean => agreed.member(id) !== null || this.#members.has(id);
    this.#addresses = new AddressGossip({
      ...ports,
      nodeId,
      isMember,
      learnt: (member, addresses) => this.#members.learnAddresses(member, addresses),
    });
    this.#interest = new InterestDriver({ ...ports, nodeId, incarnation, isMember });
    this.#forward = new ForwardDriver({ ...ports, incarnation, isMember });
    this.#removals = new RemovalNotice({
      transport,
      wasRemoved: (id) => agreed.wasRemoved(id),
    });
    this.#readiness = new Readiness({
      clock,
      isMember: () => this.#ownMembership.isSeen,
      hasQuorum: () => this.hasQuorum(),
      readBarrier: (timeoutMs) => this.readBarrier(timeoutMs),
      areRoutesKnown: () => this.#areRoutesKnown(),
    });
    this.#status = new StatusDriver({
      clusterId: this.clusterId,
      nodeId,
      transport,
      clock,
      members: () => agreed.members(),
      stateOf,
      isVoter: (id) => this.#consensus.status().configuration.voters.includes(id),
      nodesMissing: () => agreed.missingOf(expectedNodes(options.formation)),
      votersWanted: () => targetVoters(agreed.members().length, options.votersMax),
      leader: () => ({
        nodeId: this.#consensus.status().leader,
        term: this.#consensus.status().term,
      }),
      readBarrier: (timeoutMs) => this.readBarrier(timeoutMs),
      appliedIndex: () => this.#consensus.driver.appliedIndex,
      ownStatus: ownStatus({
        ...options,
        nodeId,
        name: this.name,
        startedMs: this.#startedMs,
        consensus: this.#consensus,
        interest: this.#interest,
        members: this.#members,
      }),
    });
    this.#upkeep = new Upkeep({
      ...options,
      nodeId,
      name: this.name,
      consensus: this.#consensus,
      status: () => this.status(),
      stateOf,
    });
  }

  get peerPort(): number {
    return this.#options.transport.port;
  }

  async start(): Promise<void> {
    const { agreed, knownMembers } = this.#options;
    const members = agreed.members().length > 0 ? agreed.members() : knownMembers;
    this.#members.setMembers(members.filter((member) => member.nodeId !== this.nodeId));
    this.#members.start();
    this.#seeds.start();
    this.#consensus.start();
    this.#upkeep.start();
    this.#ownMembership.remember(this.#consensus.status().configuration);
    for (const event of this.#options.openLinks) this.receiveLink(event);
    void this.#ownMembership.announce();
    void this.#readiness.start();
  }

  receiveFrame(from: NodeId, channel: Channel, frame: Uint8Array): void {
    try {
      if (channel === Channel.raft) this.#consensus.driver.onFrame(from, frame);
      else if (channel === Channel.forward) this.#forward.onForwardFrame(from, frame);
      else this.#onControl(from, frame);
    } catch (error) {
      if (!(error instanceof ClusterError) || error.code !== "frame-malformed") throw error;
      this.#options.counters.add("frames_malformed");
      this.#options.log.warn({ from, reason: error.message }, "malformed frame dropped");
    }
  }

  receiveLink(event: LinkEvent): void {
    this.#members.onLink(event);
    this.#addresses.onLink(event);
    this.#interest.onLink(event);
    this.#forward.onLink(event);
    this.#consensus.onLink(event);
    if (event.type === "up") void this.#removals.tellIfRemoved(event.nodeId);
    this.#membersChanged();
  }

  receiveBroadcast(from: NodeId, payload: Uint8Array): void {
    this.#interest.onBroadcast(from, payload);
  }

  async receiveBulk(
    from: NodeId,
    kind: string,
    header: Uint8Array,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    if (kind !== snapshotBulkKind) {
      throw new ClusterError("frame-malformed", `unknown bulk transfer ${kind}`);
    }
    await this.#consensus.snapshots.receive(from, header, chunks);
  }

  async receiveRequest(from: NodeId, kind: string, payload: Uint8Array): Promise<Uint8Array> {
    if (kind === consentRequestKind) return Uint8Array.of(0);
    if (kind === removedRequestKind) {
      this.#ownMembership.removed();
      return new Uint8Array(0);
    }
    if (kind === statusRequestKind) return this.#status.onRequest(payload);
    if (kind === "interest") return this.#interest.onRequest(from, payload);
    const answer =
      this.#consensus.leadership.onRequest(kind, payload) ??
      this.#consensus.snapshots.onRequest(kind, payload) ??
      this.#upkeep.onRequest(kind, payload);
    if (answer !== null) return answer;
    const handler = this.#requestHandlers.get(kind);
    if (handler === undefined) {
      throw new ClusterError("remote-failure", `no handler for requests of kind ${kind}`);
    }
    return handler(from, payload);
  }

  propose(command: Uint8Array, timeoutMs: number, done: (outcome: ProposalOutcome) => void): void {
    if (!this.#upkeep.refuses(done)) this.#consensus.proposals.propose(command, timeoutMs, done);
  }

  readBarrier(timeoutMs: number): Promise<ReadOutcome> {
    return this.#consensus.reads.wait(timeoutMs);
  }

  isInStep(): boolean {
    return this.#consensus.driver.isInStep;
  }

  stalenessMs(): number {
    return this.#consensus.stalenessMs();
  }

  hasQuorum(): boolean {
    return this.#consensus.hasQuorum();
  }

  setInterest(key: string, weight: number): void {
    this.#interest.set(key, weight);
  }

  interestBarrier(timeoutMs: number): Promise<"live" | "timeout"> {
    return this.#interest.barrier(timeoutMs);
  }

  onInterest(handler: InterestHandler): void {
    this.#interest.setHandler(handler);
  }

  forward(
    to: NodeId,
    frame: Uint8Array,
    delivery: "atMostOnce" | "atLeastOnce",
  ): "queued" | "dropped" {
    return this.#forward.forward(to, frame, delivery);
  }

  onForward(handler: (from: NodeId, frame: Uint8Array) => void): void {
    this.#forward.onForward(handler);
  }

  request(to: NodeId, kind: string, payload: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    return this.#options.transport.request(to, kind, payload, timeoutMs);
  }

  onRequest(
    kind: string,
    handler: (from: NodeId, payload: Uint8Array) => Promise<Uint8Array>,
  ): void {
    this.#requestHandlers.set(kind, handler);
  }

  members(): readonly MemberView[] {
    const { configuration, leader } = this.#consensus.status();
    return this.#options.agreed.members().map((member) => ({
      ...member,
      isVoter: configuration.voters.includes(member.nodeId),
      isSelf: member.nodeId === this.nodeId,
      isLeader: member.nodeId === leader,
      state: member.nodeId === this.nodeId ? "up" : this.#members.stateOf(member.nodeId),
    }));
  }

  onMembersChanged(handler: () => void): void {
    this.#memberHandlers.push(handler);
  }

  status(): Promise<ClusterStatus> {
    return this.#status.status();
  }

  verify(): Promise<ClusterStatus> {
    return this.#upkeep.verify();
  }

  compactLog(only: NodeId | null): Promise<readonly CompactedLog[]> {
    return this.#upkeep.compact(only);
  }

  isReady(): boolean {
    return !this.#upkeep.isCondemned && this.#readiness.isReady();
  }

  readiness(): readonly { readonly name: string; readonly isOk: boolean }[] {
    return [...this.#readiness.parts(), { name: "content", isOk: !this.#upkeep.isCondemned }];
  }

  whenReady(): Promise<void> {
    return this.#readiness.whenReady();
  }

  removeMember(nodeId: NodeId): Promise<void> {
    return this.#consensus.leadership.remove(nodeId);
  }

  transferLeadership(to: NodeId | null): Promise<NodeId> {
    return this.#consensus.leadership.transfer(to);
  }

  linkStats(): readonly LinkStats[] {
    return this.#options.transport.stats();
  }

  get commitLatency(): Histogram {
    return this.#consensus.proposals.latency;
  }

  metrics(): ReadonlyMap<string, number> {
    return new Map([
      ...this.#options.counters.entries(),
      ...this.#consensus.gauges(),
      ...this.#upkeep.gauges(),
      ...this.#members.gauges(),
      ...this.#interest.gauges(),
      ...this.#forward.gauges(),
    ]);
  }

  async stop(timeoutMs: number): Promise<void> {
    if (this.#isStopping) return;
    const { clock, transport, storage } = this.#options;
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    await this.#consensus.leadership.handOver(deadlineMs - closingMs);
    this.#isStopping = true;
    this.#ownMembership.stop();
    this.#upkeep.stop();
    this.#consensus.stop();
    this.#readiness.stop();
    this.#members.stop();
    this.#seeds.stop();
    this.#interest.stop();
    this.#forward.stop();
    await this.#upkeep.whenMarked();
    await Promise.race([
      Promise.allSettled([transport.stop(), storage.close()]),
      this.#pause(Math.max(200, deadlineMs - clock.monotonicMs())),
    ]);
  }

  #onControl(from: NodeId, frame: Uint8Array): void {
    const kind = frame[0];
    const payload = frame.subarray(1);
    switch (kind) {
      case ControlKind.ping:
      case ControlKind.pong:
        return this.#members.onControl(from, kind, payload);
      case ControlKind.addresses:
        return this.#addresses.onControl(from, payload);
      case ControlKind.interestDelta:
      case ControlKind.interestAck:
      case ControlKind.interestDigest:
        return this.#interest.onControl(from, kind, payload);
      case ControlKind.forwardAck:
      case ControlKind.laneState:
        return this.#forward.onControl(from, kind, payload);
      case ControlKind.proposal:
        return this.#consensus.proposals.onProposal(from, payload);
      case ControlKind.proposalReply:
        return this.#consensus.proposals.onProposalReply(from);
      default:
        throw new ClusterError("frame-malformed", `control frame of unknown kind ${kind}`);
    }
  }

  #configured(configuration: Configuration): void {
    const { agreed } = this.#options;
    const members = agreed.members();
    this.#members.setMembers(members.filter((member) => member.nodeId !== this.nodeId));
    const known = new Set(members.map((member) => member.nodeId));
    for (const nodeId of this.#knownNodes) {
      if (known.has(nodeId)) continue;
      this.#addresses.forget(nodeId);
      this.#interest.forget(nodeId);
      this.#forward.forget(nodeId);
      void this.#removals.tellIfRemoved(nodeId);
    }
    this.#knownNodes = known;
    this.#ownMembership.configured(configuration);
    this.#membersChanged();
  }

  #roleChanged({ role, term, leader }: RaftStatus): void {
    const name = leader === null ? null : (this.#options.agreed.member(leader)?.name ?? leader);
    this.#options.log.info({ role, term, leader: name }, "role or leader changed");
    this.#membersChanged();
  }

  #membersChanged(): void {
    for (const handler of this.#memberHandlers) handler();
  }

  #areRoutesKnown(): boolean {
    return this.members()
      .filter((member) => !member.isSelf && member.state === "up")
      .every((member) => this.#interest.isSynced(member.nodeId));
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#options.clock.after(delayMs, resolve);
    });
  }
}
