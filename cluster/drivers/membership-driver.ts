import type { AgreedState } from "../agreed/agreed-state.ts";
import { encodeMemberRecord, type MemberRecord } from "../agreed/member-record.ts";
import { ClusterError } from "../errors.ts";
import { type AutopilotMember, planVoters } from "../members/autopilot-plan.ts";
import type { NodeId } from "../node-id.ts";
import type { ClusterTimings } from "../options.ts";
import type { Cancel, Clock, Log } from "../ports.ts";
import type { RaftCore } from "../raft/api.ts";
import type { ConfigChange, MembershipStep } from "../raft/types.ts";

export interface MembershipDriverOptions {
  readonly nodeId: NodeId;
  readonly raft: RaftCore;
  readonly agreed: AgreedState;
  readonly clock: Clock;
  readonly log: Log;
  readonly timings: ClusterTimings;
  readonly votersMax: number;
  readonly stateOf: (nodeId: NodeId) => "up" | "suspect" | "down";
  readonly schedule: () => void;
}

/** A joining node's wish, as it reaches the leader. */
export interface JoinWish {
  readonly nodeId: NodeId;
  /** Null: any free name will do. */
  readonly name: string | null;
  readonly addresses: readonly string[];
  /** The member that it was before it lost its data, or null. */
  readonly replaces: NodeId | null;
}

interface Waiter {
  readonly isDone: () => boolean;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  readonly deadlineMs: number;
}

const roundMs = 100;
/** A round that comes so late means that this node stood still: what it saw of the others before may be long over. */
const stallMs = 5 * roundMs;
const changeTimeoutMs = 10_000;
/** A follower this many entries behind the leader still counts as caught up. */
const lagEntriesMax = 1000;

/**
 * The leader's side of membership: every join, promotion, exchange and removal is one committed change, and only one is
 * under way at a time.
 */
export class MembershipDriver {
  readonly #options: MembershipDriverOptions;
  readonly #healthySinceMs = new Map<NodeId, number>();
  readonly #downSinceMs = new Map<NodeId, number>();
  #lastRoundMs = 0;
  #queue: Promise<unknown> = Promise.resolve();
  #waiters: Waiter[] = [];
  #timer: Cancel | null = null;
  #isStopped = false;

  constructor(options: MembershipDriverOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = this.#options.clock.after(roundMs, () => {
      this.#round();
      if (!this.#isStopped) this.start();
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.();
    for (const waiter of this.#waiters.splice(0)) {
      waiter.reject(stopping());
    }
  }

  /** A configuration change was applied, or leadership moved. */
  changed(): void {
    const isLeader = this.#options.raft.status().role === "leader";
    const waiting = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiting) {
      if (waiter.isDone()) waiter.resolve();
      else if (!isLeader) waiter.reject(notLeader());
      else this.#waiters.push(waiter);
    }
  }

  /** Leader only: resolves when the node is a learner by a committed change; answers its record. */
  join(wish: JoinWish): Promise<MemberRecord> {
    return this.#inTurn(async () => {
      const { agreed } = this.#options;
      if (agreed.wasRemoved(wish.nodeId)) {
        throw new ClusterError(
          "node-removed",
          `node ${wish.nodeId} was removed from this cluster; ids never come back, an empty data directory gets a new one`,
        );
      }
      const known = agreed.member(wish.nodeId);
      if (known !== null) return this.#knownAgain(known);
      const record: MemberRecord = {
        nodeId: wish.nodeId,
        name: this.#chooseName(wish.name),
        addresses: wish.addresses,
      };
      const steps: MembershipStep[] = [{ type: "addLearner", nodeId: wish.nodeId }];
      const former = this.#formerOf(wish);
      if (former !== null) steps.push({ type: "remove", nodeId: former });
      await this.#change(
        steps,
        record,
        () => agreed.member(wish.nodeId) !== null,
        () => this.#checkFormer(former),
      );
      this.#options.log.info(
        { node: record.name, nodeId: record.nodeId, inPlaceOf: former },
        "node joined as learner",
      );
      return record;
    });
  }

  /**
   * A node may ask twice when the first answer was lost. But one that has already worked as a member and knows nothing of it
   * lost its data: under the old id it could vote again in a term in which it has voted.
   */
  #knownAgain(known: MemberRecord): MemberRecord {
    const { agreed, raft } = this.#options;
    const { voters, votersOutgoing } = raft.status().configuration;
    const hasVoted = voters.includes(known.nodeId) || votersOutgoing.includes(known.nodeId);
    if (!hasVoted && agreed.progressOf(known.nodeId).incarnation === 0) return known;
    throw new ClusterError(
      "storage-foreign",
      `node ${known.nodeId} is a member already, but its database is gone; remove node.key as well to join under a new id`,
    );
  }

  /**
   * The member that goes in the same change, or null. A dead voter without its data counts against the majority as long as it
   * is a member, so that removing it never costs a failure that could be tolerated.
   */
  #formerOf({ replaces, nodeId }: JoinWish): NodeId | null {
    const { agreed, stateOf } = this.#options;
    const former = replaces === null || replaces === nodeId ? null : agreed.member(replaces);
    if (former === null) return null;
    if (former.nodeId === this.#options.nodeId || stateOf(former.nodeId) !== "down") {
      throw new ClusterError(
        "name-taken",
        `the member that this node was, ${former.name}, does not count as down yet`,
        { name: former.name },
      );
    }
    return former.nodeId;
  }

  /** Asked when the change is proposed: while it waited the members may have changed. */
  #checkFormer(former: NodeId | null): void {
    const record = former === null ? null : this.#options.agreed.member(former);
    if (record !== null) this.#checkRemoval(record);
  }

  /** Leader only: resolves when the removal is committed. */
  remove(nodeId: NodeId): Promise<void> {
    return this.#inTurn(async () => {
      const { agreed } = this.#options;
      const record = agreed.member(nodeId);
      if (record === null) {
        if (agreed.wasRemoved(nodeId)) return;
        throw new ClusterError("unknown-node", `no member has the id ${nodeId}`);
      }
      await this.#change(
        [{ type: "remove", nodeId }],
        null,
        () => agreed.member(nodeId) === null,
        () => this.#checkRemoval(record),
      );
      this.#options.log.info({ node: record.name, nodeId }, "node removed");
    });
  }

  #checkRemoval({ nodeId, name }: MemberRecord): void {
    const { raft, stateOf } = this.#options;
    const remaining = raft.status().configuration.voters.filter((voter) => voter !== nodeId);
    const alive = remaining.filter(
      (voter) => voter === this.#options.nodeId || stateOf(voter) === "up",
    );
    if (alive.length > remaining.length / 2) return;
    throw new ClusterError(
      "change-refused",
      `removing ${name} would leave ${alive.length} of ${remaining.length} voters alive, less than a majority`,
    );
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(() => {
      if (this.#isStopped) throw stopping();
      if (this.#options.raft.status().role !== "leader") throw notLeader();
      return work();
    });
    this.#queue = result.catch(() => undefined);
    return result;
  }

  /** `check` throws while the change may not be made; another one may have come first, so it is asked at each attempt. */
  async #change(
    steps: readonly MembershipStep[],
    record: MemberRecord | null,
    isDone: () => boolean,
    check: () => void = () => {},
  ): Promise<void> {
    const { clock, raft, schedule } = this.#options;
    const change: ConfigChange = {
      type: "change",
      steps,
      context: record === null ? new Uint8Array(0) : encodeMemberRecord(record),
    };
    const deadlineMs = clock.monotonicMs() + changeTimeoutMs;
    for (;;) {
      check();
      const result = raft.proposeConfigChange(change);
      schedule();
      if (result.status === "accepted") break;
      if (result.reason === "unsafe") {
        throw new ClusterError(
          "change-refused",
          "the change does not fit the members, or would leave voters of which no majority answers",
        );
      }
      if (result.reason === "not-leader") throw notLeader();
      await this.#until(() => !this.#isChangePending(), deadlineMs, true);
    }
    await this.#until(isDone, deadlineMs, false);
    await this.#until(() => !this.#isChangePending(), deadlineMs, true);
  }

  #isChangePending(): boolean {
    const { hasPendingConfigChange, configuration, transferTarget } = this.#options.raft.status();
    return (
      hasPendingConfigChange || configuration.votersOutgoing.length > 0 || transferTarget !== null
    );
  }

  /** Checked whenever a change is applied and at every round. */
  #until(isDone: () => boolean, deadlineMs: number, isLater: boolean): Promise<void> {
    if (!isLater && isDone()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      if (this.#isStopped) return reject(stopping());
      if (this.#options.clock.monotonicMs() >= deadlineMs) return reject(tooLate());
      this.#waiters.push({ isDone, resolve, reject, deadlineMs });
    });
  }

  #chooseName(wanted: string | null): string {
    const { agreed, stateOf } = this.#options;
    const holders = new Map(agreed.members().map((member) => [member.name, member.nodeId]));
    if (wanted === null) {
      for (let number = 1; ; number++) {
        if (!holders.has(`n${number}`)) return `n${number}`;
      }
    }
    const holder = holders.get(wanted);
    if (holder !== undefined && (holder === this.#options.nodeId || stateOf(holder) !== "down")) {
      throw new ClusterError(
        "name-taken",
        `another live member is called ${wanted}; give --name another value`,
        { name: wanted },
      );
    }
    return wanted;
  }

  #round(): void {
    this.changed();
    const nowMs = this.#options.clock.monotonicMs();
    const late = this.#waiters.filter((waiter) => waiter.deadlineMs <= nowMs);
    this.#waiters = this.#waiters.filter((waiter) => waiter.deadlineMs > nowMs);
    for (const waiter of late) {
      waiter.reject(tooLate());
    }
    const hasStoodStill = nowMs - this.#lastRoundMs > stallMs;
    this.#lastRoundMs = nowMs;
    const status = this.#options.raft.status();
    if (status.role !== "leader" || hasStoodStill) {
      this.#healthySinceMs.clear();
      this.#downSinceMs.clear();
      return;
    }
    const members = this.#observe(nowMs);
    if (this.#isChangePending() || this.#waiters.length > 0) return;
    this.#propose(members);
  }

  #observe(nowMs: number): AutopilotMember[] {
    const { agreed, raft, stateOf, nodeId: self } = this.#options;
    const status = raft.status();
    const progress = new Map(status.progress.map((view) => [view.nodeId, view]));
    const voters = new Set(status.configuration.voters);
    return agreed.members().map(({ nodeId, name, zone = "" }) => {
      const isSelf = nodeId === self;
      const view = progress.get(nodeId);
      const state = isSelf ? "up" : stateOf(nodeId);
      const isHealthy =
        isSelf ||
        (state === "up" &&
          view?.state === "replicate" &&
          status.lastIndex - view.match <= lagEntriesMax);
      return {
        nodeId,
        name,
        zone,
        isVoter: voters.has(nodeId),
        isLeader: isSelf,
        isHealthy,
        healthyMs: since(this.#healthySinceMs, nodeId, isHealthy, nowMs),
        downMs: since(this.#downSinceMs, nodeId, state === "down", nowMs),
      };
    });
  }

  #propose(members: readonly AutopilotMember[]): void {
    const { raft, log, timings, votersMax, schedule } = this.#options;
    const plan = planVoters(members, {
      votersMax,
      stabilizationMs: timings.stabilizationMs,
      replaceVoterAfterMs: timings.replaceVoterAfterMs,
    });
    if (plan === null) return;
    const steps: MembershipStep[] = [
      ...plan.promote.map((nodeId) => ({ type: "addVoter" as const, nodeId })),
      ...plan.demote.map((nodeId) => ({ type: "addLearner" as const, nodeId })),
    ];
    const result = raft.proposeConfigChange({
      type: "change",
      steps,
      context: new Uint8Array(0),
    });
    schedule();
    if (result.status === "accepted") {
      log.info({ ...plan, index: result.index }, "autopilot changes the voters");
    }
  }
}

function since(times: Map<NodeId, number>, nodeId: NodeId, isTrue: boolean, nowMs: number): number {
  if (!isTrue) {
    times.delete(nodeId);
    return 0;
  }
  const start = times.get(nodeId) ?? nowMs;
  times.set(nodeId, start);
  return nowMs - start;
}

function stopping(): ClusterError {
  return new ClusterError("stopped", "the node is stopping");
}

function tooLate(): ClusterError {
  return new ClusterError("timeout", "the membership change was not committed in time");
}

function notLeader(): ClusterError {
  return new ClusterError("not-leader", "this node does not lead the cluster (any more)");
}
