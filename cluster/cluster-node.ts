import type { AgreedState } from "./agreed/agreed-state.ts";
import { encodeMemberRecord, type MemberRecord } from "./agreed/member-record.ts";
import type { Cluster, InterestHandler, MemberView, ProposalOutcome } from "./cluster-api.ts";
import { consentRequestKind, decodeJoinWish, joinRequestKind } from "./drivers/formation.ts";
import { ForwardDriver } from "./drivers/forward-driver.ts";
import { InterestDriver } from "./drivers/interest-driver.ts";
import { MemberDriver } from "./drivers/member-driver.ts";
import { MembershipDriver } from "./drivers/membership-driver.ts";
import { ProposalDriver } from "./drivers/proposal-driver.ts";
import { RaftDriver } from "./drivers/raft-driver.ts";
import { ReadBarriers } from "./drivers/read-barriers.ts";
import { SnapshotDriver, snapshotBulkKind } from "./drivers/snapshot-driver.ts";
import { StatusDriver, statusRequestKind } from "./drivers/status-driver.ts";
import { ClusterError } from "./errors.ts";
import type { NodeId } from "./node-id.ts";
import type { ClusterOptions } from "./options.ts";
import type { Counters } from "./ports.ts";
import type { Configuration } from "./raft/types.ts";
import type { ClusterStatus, NodeStatus } from "./status.ts";
import type { ClusterStorage, NodeRecord, StorageRestore } from "./storage/storage.ts";
import { Channel, type LinkEvent, type LinkStats, type Transport } from "./transport/transport.ts";
import { CommandTag } from "./wire/batch-codec.ts";
import { ControlKind } from "./wire/frame-kinds.ts";

export interface ClusterNodeOptions extends ClusterOptions {
  readonly storage: ClusterStorage;
  readonly transport: Transport;
  readonly counters: Counters;
  readonly restore: StorageRestore;
  readonly record: NodeRecord;
  readonly agreed: AgreedState;
  /** Links that opened while the node was looking for its cluster. */
  readonly openLinks: readonly LinkEvent[];
  /** Whom to talk to until the log says who the members are. */
  readonly knownMembers: readonly MemberRecord[];
}

const leadRequestKind = "lead";
const removeRequestKind = "remove";
const transferRequestKind = "transfer";
const forwardedRequestTimeoutMs = 11_000;
const announceTimeoutMs = 60_000;
const readyPollMs = 20;
/** A follower that has heard nothing of its leader for this many election timeouts does not claim to have a quorum. */
const quorumElectionTimeouts = 2;

/** Puts the drivers of one node together; each does one thing, this decides who hears of what. */
export class ClusterNode implements Cluster {
  readonly nodeId: NodeId;
  readonly name: string;
  readonly clusterId: string;
  readonly incarnation: number;
  readonly #options: ClusterNodeOptions;
  readonly #raft: RaftDriver;
  readonly #proposals: ProposalDriver;
  readonly #reads: ReadBarriers;
  readonly #snapshots: SnapshotDriver;
  readonly #membership: MembershipDriver;
  readonly #members: MemberDriver;
  readonly #interest: InterestDriver;
  readonly #forward: ForwardDriver;
  readonly #status: StatusDriver;
  readonly #startedMs: number;
  readonly #requestHandlers = new Map<
    string,
    (from: NodeId, payload: Uint8Array) => Promise<Uint8Array>
  >();
  readonly #memberHandlers: (() => void)[] = [];
  #isCaughtUp = false;
  #isStopping = false;
  #isMembershipSeen: boolean;
  /** Members as of the last change, so that those removed since are noticed. */
  #knownNodes: ReadonlySet<NodeId> = new Set();

  constructor(options: ClusterNodeOptions) {
    this.#options = options;
    const { transport, clock, random, log, counters, storage, agreed, restore, timings } = options;
    this.nodeId = transport.nodeId;
    this.name = options.record.name;
    this.clusterId = options.record.clusterId;
    this.incarnation = restore.incarnation;
    this.#startedMs = clock.monotonicMs();
    this.#isMembershipSeen = agreed.member(this.nodeId) !== null;
    const { nodeId, incarnation } = this;
    this.#raft = new RaftDriver({
      nodeId,
      restore,
      storage,
      transport,
      agreed,
      clock,
      random,
      log,
      counters,
      tickMs: timings.tickMs,
      heartbeatTicks: timings.heartbeatTicks,
      electionTicks: timings.electionTicks,
      handlers: {
        batchApplied: (batch, index) => this.#proposals.applied(batch, index),
        advanced: () => this.#reads.applied(),
        configured: (configuration) => this.#configured(configuration),
        roleChanged: () => this.#roleChanged(),
        readConfirmed: (requestId, index) => this.#reads.confirmed(requestId, index),
        readDropped: (requestId) => this.#reads.dropped(requestId),
        snapshotWanted: (to, term) => this.#snapshots.wanted(to, term),
        stateReplaced: () => this.#stateReplaced(),
        fatal: options.onFatal,
      },
    });
    const raft = this.#raft.raft;
    const schedule = (): void => this.#raft.schedule();
    this.#proposals = new ProposalDriver({
      nodeId,
      incarnation,
      transport,
      raft,
      agreed,
      clock,
      counters,
      schedule,
    });
    this.#reads = new ReadBarriers(clock, {
      readIndex: (requestId) => {
        raft.readIndex(requestId);
        schedule();
      },
      appliedIndex: () => this.#raft.appliedIndex,
    });
    this.#snapshots = new SnapshotDriver({
      nodeId,
      transport,
      storage,
      raft,
      log,
      counters,
      schedule,
      step: (message) => this.#raft.step(message),
    });
    this.#members = new MemberDriver({
      transport,
      clock,
      random,
      log,
      counters,
      timings,
      piggyback: () => this.#interest.piggyback(),
      onPiggyback: (from, bytes) => this.#interest.onPiggyback(from, bytes),
      onStateChanged: (nodeId, state) => {
        this.#interest.onMemberState(nodeId, state);
        this.#membersChanged();
      },
    });
    const stateOf = (id: NodeId): "up" | "suspect" | "down" => this.#members.stateOf(id);
    this.#membership = new MembershipDriver({
      nodeId,
      raft,
      agreed,
      clock,
      log,
      timings,
      votersMax: options.votersMax,
      stateOf,
      schedule,
    });
    const ports = { transport, clock, random, log, counters };
    const isMember = (id: NodeId): boolean => agreed.member(id) !== null;
    this.#interest = new InterestDriver({ ...ports, nodeId, incarnation, isMember });
    this.#forward = new ForwardDriver({ ...ports, nodeId, incarnation });
    this.#status = new StatusDriver({
      clusterId: this.clusterId,
      nodeId,
      transport,
      clock,
      members: () => agreed.members(),
      stateOf,
      isVoter: (id) => raft.status().configuration.voters.includes(id),
      leader: () => ({ nodeId: raft.status().leader, term: raft.status().term }),
      readBarrier: (timeoutMs) => this.readBarrier(timeoutMs),
      appliedIndex: () => this.#raft.appliedIndex,
      ownStatus: (index) => this.#ownStatus(index),
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
    this.#raft.start();
    this.#proposals.start();
    this.#membership.start();
    for (const event of this.#options.openLinks) this.receiveLink(event);
    this.#announce();
    void this.#catchUp();
    if (this.#raft.raft.status().configuration.voters.length === 1) this.#campaignAlone();
  }

  receiveFrame(from: NodeId, channel: Channel, frame: Uint8Array): void {
    try {
      if (channel === Channel.raft) this.#raft.onFrame(from, frame);
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
    this.#interest.onLink(event);
    this.#forward.onLink(event);
    if (event.type === "up") {
      this.#proposals.linkUp(event.nodeId);
    } else {
      this.#raft.raft.reportUnreachable(event.nodeId);
      if (event.reason === "reset") this.#raft.raft.leaderUnreachable(event.nodeId);
      this.#raft.schedule();
    }
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
    await this.#snapshots.receive(from, header, chunks);
  }

  async receiveRequest(from: NodeId, kind: string, payload: Uint8Array): Promise<Uint8Array> {
    switch (kind) {
      case joinRequestKind:
      case leadRequestKind:
        return this.#answerJoin(payload, kind === leadRequestKind);
      case consentRequestKind:
        return Uint8Array.of(0);
      case statusRequestKind:
        return this.#status.onRequest(payload);
      case removeRequestKind:
        await this.#membership.remove(Buffer.from(payload).toString("utf8"));
        return new Uint8Array(0);
      case transferRequestKind:
        return Buffer.from(await this.#transfer(Buffer.from(payload).toString("utf8") || null));
      case "interest":
        return this.#interest.onRequest(from, payload);
      default: {
        const handler = this.#requestHandlers.get(kind);
        if (handler === undefined) {
          throw new ClusterError("remote-failure", `no handler for requests of kind ${kind}`);
        }
        return handler(from, payload);
      }
    }
  }

  propose(command: Uint8Array, timeoutMs: number, done: (outcome: ProposalOutcome) => void): void {
    this.#proposals.propose(command, timeoutMs, done);
  }

  readBarrier(timeoutMs: number): Promise<"ok" | "no-quorum"> {
    return this.#reads.wait(timeoutMs);
  }

  stalenessMs(): number {
    return Math.max(0, this.#options.clock.monotonicMs() - this.#raft.leaderContactMs);
  }

  hasQuorum(): boolean {
    const { tickMs, electionTicks } = this.#options.timings;
    return (
      this.#raft.raft.status().leader !== null &&
      this.stalenessMs() < quorumElectionTimeouts * 2 * tickMs * electionTicks
    );
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
    const { configuration, leader } = this.#raft.raft.status();
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

  isReady(): boolean {
    return this.readiness().every((part) => part.isOk);
  }

  readiness(): readonly { readonly name: string; readonly isOk: boolean }[] {
    const live = this.members().filter((member) => !member.isSelf && member.state === "up");
    return [
      { name: "joined", isOk: this.#isMembershipSeen },
      { name: "quorum", isOk: this.hasQuorum() },
      { name: "caught-up", isOk: this.#isCaughtUp },
      { name: "routes", isOk: live.every((member) => this.#interest.isSynced(member.nodeId)) },
    ];
  }

  async whenReady(): Promise<void> {
    while (!this.isReady()) {
      if (this.#isStopping) throw new ClusterError("stopped", "the node is stopping");
      await this.#pause(readyPollMs);
    }
  }

  async removeMember(nodeId: NodeId): Promise<void> {
    const leader = this.#leader();
    if (leader === nodeId) {
      // A leader does not remove itself: another one takes over and does it.
      await this.transferLeadership(null);
      await this.#until(() => this.#raft.raft.status().leader !== nodeId);
      return this.removeMember(nodeId);
    }
    if (leader === this.nodeId) return this.#membership.remove(nodeId);
    await this.request(leader, removeRequestKind, Buffer.from(nodeId), forwardedRequestTimeoutMs);
  }

  async transferLeadership(to: NodeId | null): Promise<NodeId> {
    const leader = this.#leader();
    if (leader === this.nodeId) return this.#transfer(to);
    const answer = await this.request(
      leader,
      transferRequestKind,
      Buffer.from(to ?? ""),
      forwardedRequestTimeoutMs,
    );
    return Buffer.from(answer).toString("utf8");
  }

  linkStats(): readonly LinkStats[] {
    return this.#options.transport.stats();
  }

  metrics(): ReadonlyMap<string, number> {
    const { counters, storage } = this.#options;
    const status = this.#raft.raft.status();
    const stats = storage.stats();
    const gauges: [string, number][] = [
      ["raft_term", status.term],
      ["raft_commit_index", status.commitIndex],
      ["raft_applied_index", status.appliedIndex],
      ["raft_last_index", status.lastIndex],
      ["raft_is_leader", status.role === "leader" ? 1 : 0],
      ["raft_voters", status.configuration.voters.length],
      ["raft_learners", status.configuration.learners.length],
      ["proposals_pending_bytes", this.#proposals.pendingSizeBytes],
      ["storage_queued_changes", stats.queuedChanges],
      ["storage_synced_batches_total", stats.syncedBatches],
      ["storage_log_bytes", stats.logSizeBytes],
      ["links", this.#options.transport.links().length],
      ["routes", this.#interest.routesCount()],
    ];
    return new Map([...counters.entries(), ...gauges]);
  }

  async stop(timeoutMs: number): Promise<void> {
    if (this.#isStopping) return;
    const { clock, transport, storage } = this.#options;
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    if (this.#raft.raft.status().role === "leader") await this.#handOver(deadlineMs);
    this.#isStopping = true;
    this.#membership.stop();
    this.#proposals.stop();
    this.#reads.close();
    this.#members.stop();
    this.#interest.stop();
    this.#forward.stop();
    this.#raft.stop();
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
      case ControlKind.interestDelta:
      case ControlKind.interestAck:
      case ControlKind.interestDigest:
        return this.#interest.onControl(from, kind, payload);
      case ControlKind.forwardAck:
      case ControlKind.laneState:
        return this.#forward.onControl(from, kind, payload);
      case ControlKind.proposal:
        return this.#proposals.onProposal(from, payload);
      case ControlKind.proposalReply:
        return this.#proposals.onProposalReply(from);
      default:
        throw new ClusterError("frame-malformed", `control frame of unknown kind ${kind}`);
    }
  }

  /** Any member takes a join request; the leader decides. */
  async #answerJoin(payload: Uint8Array, isForwarded: boolean): Promise<Uint8Array> {
    const wish = decodeJoinWish(payload);
    const leader = this.#leader();
    if (leader !== this.nodeId) {
      if (isForwarded) throw new ClusterError("not-leader", "leadership just moved");
      return this.request(leader, leadRequestKind, payload, forwardedRequestTimeoutMs);
    }
    const self = await this.#membership.join(wish);
    const members = this.#options.agreed.members();
    const joined = { kind: "joined", clusterId: this.clusterId, self, members };
    return Buffer.from(JSON.stringify(joined));
  }

  #leader(): NodeId {
    const { leader } = this.#raft.raft.status();
    if (leader === null) throw new ClusterError("no-quorum", "no leader is known right now");
    return leader;
  }

  async #transfer(to: NodeId | null): Promise<NodeId> {
    const status = this.#raft.raft.status();
    if (status.role !== "leader") throw new ClusterError("not-leader", "this node does not lead");
    const target = to ?? this.#bestSuccessor();
    if (target === this.nodeId) return target;
    if (target === null || !this.#raft.raft.transferLeadership(target)) {
      throw new ClusterError("change-refused", "no other live voter can take over leadership");
    }
    this.#raft.schedule();
    await this.#until(() => this.#raft.raft.status().leader === target);
    return target;
  }

  /** The live voter that holds most of the log. */
  #bestSuccessor(): NodeId | null {
    const { progress, configuration } = this.#raft.raft.status();
    const candidates = progress
      .filter((view) => configuration.voters.includes(view.nodeId) && view.nodeId !== this.nodeId)
      .filter((view) => this.#members.stateOf(view.nodeId) === "up")
      .sort((a, b) => b.match - a.match);
    return candidates[0]?.nodeId ?? null;
  }

  async #handOver(deadlineMs: number): Promise<void> {
    const target = this.#bestSuccessor();
    if (target === null || !this.#raft.raft.transferLeadership(target)) return;
    this.#raft.schedule();
    const { clock } = this.#options;
    while (this.#raft.raft.status().role === "leader" && clock.monotonicMs() < deadlineMs) {
      await this.#pause(5);
    }
  }

  #configured(configuration: Configuration): void {
    const { agreed } = this.#options;
    const members = agreed.members();
    this.#members.setMembers(members.filter((member) => member.nodeId !== this.nodeId));
    const known = new Set(members.map((member) => member.nodeId));
    for (const nodeId of this.#knownNodes) {
      if (known.has(nodeId)) continue;
      this.#interest.forget(nodeId);
      this.#forward.forget(nodeId);
    }
    this.#knownNodes = known;
    this.#checkOwnMembership(configuration);
    this.#membership.changed();
    this.#membersChanged();
  }

  #checkOwnMembership(configuration: Configuration): void {
    const { agreed, log, onFatal } = this.#options;
    if (agreed.member(this.nodeId) !== null) {
      if (!this.#isMembershipSeen) log.info({ voters: configuration.voters.length }, "member now");
      this.#isMembershipSeen = true;
      return;
    }
    if (agreed.wasRemoved(this.nodeId) && !this.#isStopping) {
      onFatal(
        new ClusterError(
          "node-removed",
          `this node (${this.name}) was removed from the cluster; start it with an empty data directory to join again under a new id`,
        ),
      );
    }
  }

  #roleChanged(): void {
    const { role, term, leader } = this.#raft.raft.status();
    const name = leader === null ? null : (this.#options.agreed.member(leader)?.name ?? leader);
    this.#options.log.info({ role, term, leader: name }, "role or leader changed");
    this.#proposals.roleChanged();
    this.#membership.changed();
    this.#membersChanged();
  }

  #stateReplaced(): void {
    this.#proposals.stateReplaced();
    this.#snapshots.installed();
    this.#reads.applied();
  }

  #membersChanged(): void {
    for (const handler of this.#memberHandlers) handler();
  }

  /** Tells the others where this node is now, once it is a member. */
  #announce(): void {
    const { transport } = this.#options;
    const record = { nodeId: this.nodeId, name: this.name, addresses: transport.addresses() };
    const command = { tag: CommandTag.memberRecord, bytes: encodeMemberRecord(record) };
    void this.#proposals.proposeInternal(command, announceTimeoutMs);
  }

  /** Caught up: a linearizable read went through, so everything committed before it is applied here. */
  async #catchUp(): Promise<void> {
    while (!this.#isStopping && !this.#isCaughtUp) {
      this.#isCaughtUp = this.#isMembershipSeen && (await this.readBarrier(1000)) === "ok";
      if (!this.#isCaughtUp) await this.#pause(readyPollMs);
    }
  }

  /** A single voter need not wait for an election timeout. */
  #campaignAlone(): void {
    const { configuration } = this.#raft.raft.status();
    if (configuration.voters[0] !== this.nodeId) return;
    this.#raft.raft.campaign();
    this.#raft.schedule();
  }

  #ownStatus(index: number): NodeStatus {
    const { agreed, figures, version, clock } = this.#options;
    const status = this.#raft.raft.status();
    const { digests } = this.#raft;
    const digest = digests.at(index);
    const newest = digests.newestIndex;
    return {
      name: agreed.member(this.nodeId)?.name ?? this.name,
      nodeId: this.nodeId,
      role: roleOf(status.role, status.isVoter),
      voter: status.isVoter,
      state: "up",
      term: status.term,
      lastIndex: status.lastIndex,
      commitIndex: status.commitIndex,
      appliedIndex: status.appliedIndex,
      digest: digest ?? digests.at(newest) ?? "",
      digestIndex: digest === null ? newest : index,
      routesDigest: this.#interest.routesDigest(),
      routesCount: this.#interest.routesCount(),
      ...figures(),
      version,
      uptimeSeconds: Math.floor((clock.monotonicMs() - this.#startedMs) / 1000),
    };
  }

  async #until(condition: () => boolean): Promise<void> {
    const { clock } = this.#options;
    const deadlineMs = clock.monotonicMs() + forwardedRequestTimeoutMs;
    while (!condition()) {
      if (clock.monotonicMs() > deadlineMs) {
        throw new ClusterError("timeout", "the cluster did not get there in time");
      }
      await this.#pause(readyPollMs);
    }
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#options.clock.after(delayMs, resolve);
    });
  }
}

function roleOf(role: string, isVoter: boolean): NodeStatus["role"] {
  if (role === "leader") return "leader";
  if (role === "candidate" || role === "preCandidate") return "candidate";
  return isVoter ? "follower" : "learner";
}
