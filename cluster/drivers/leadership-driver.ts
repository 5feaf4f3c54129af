import type { AgreedState } from "../agreed/agreed-state.ts";
import { ClusterError, refusalOfPeer } from "../errors.ts";
import type { NodeId } from "../node-id.ts";
import type { Clock } from "../ports.ts";
import type { RaftCore } from "../raft/api.ts";
import type { Transport } from "../transport/transport.ts";
import { decodeJoinWish, joinRequestKind } from "./formation.ts";
import type { MembershipDriver } from "./membership-driver.ts";

export interface LeadershipDriverOptions {
  readonly clusterId: string;
  readonly nodeId: NodeId;
  readonly transport: Transport;
  readonly raft: RaftCore;
  readonly agreed: AgreedState;
  readonly membership: MembershipDriver;
  readonly clock: Clock;
  readonly stateOf: (nodeId: NodeId) => "up" | "suspect" | "down";
  readonly schedule: () => void;
}

/** A join that another member passed on to its leader. */
const passedJoinRequestKind = "join-at-leader";
const removeRequestKind = "remove";
const transferRequestKind = "transfer";
const requestTimeoutMs = 11_000;
const pollMs = 10;

/** What only the leader can do, asked of any node: passed on to the leader of the moment. */
export class LeadershipDriver {
  readonly #options: LeadershipDriverOptions;

  constructor(options: LeadershipDriverOptions) {
    this.#options = options;
  }

  /** Answers a request of another node, or null when `kind` is not one of these. */
  onRequest(kind: string, payload: Uint8Array): Promise<Uint8Array> | null {
    const text = (): string => Buffer.from(payload).toString("utf8");
    switch (kind) {
      case joinRequestKind:
        return this.#join(payload, true);
      case passedJoinRequestKind:
        return this.#join(payload, false);
      case removeRequestKind:
        return this.#options.membership.remove(text()).then(() => new Uint8Array(0));
      case transferRequestKind:
        return this.#transfer(text() || null).then((target) => Buffer.from(target));
      default:
        return null;
    }
  }

  async remove(nodeId: NodeId): Promise<void> {
    const { nodeId: self, membership, raft } = this.#options;
    let leader = this.#leader();
    if (leader === nodeId) {
      // A leader does not remove itself: another one takes over and does it.
      await this.transfer(null);
      await this.#until(() => raft.status().leader !== nodeId && raft.status().leader !== null);
      leader = this.#leader();
    }
    if (leader === self) return membership.remove(nodeId);
    await this.#ask(leader, removeRequestKind, Buffer.from(nodeId));
  }

  /** To `to`, or to whoever is best; resolves with the new leader once it leads. */
  async transfer(to: NodeId | null): Promise<NodeId> {
    const leader = this.#leader();
    if (leader === this.#options.nodeId) return this.#transfer(to);
    const answer = await this.#ask(leader, transferRequestKind, Buffer.from(to ?? ""));
    return Buffer.from(answer).toString("utf8");
  }

  /** On the way out: gives leadership away if anybody can take it, and waits until it is gone or time is up. */
  async handOver(deadlineMs: number): Promise<void> {
    const { raft, clock, schedule } = this.#options;
    while (raft.status().role === "leader" && clock.monotonicMs() < deadlineMs) {
      if (raft.status().transferTarget === null && !this.#isChanging()) {
        const target = this.#bestSuccessor();
        if (target === null || !raft.transferLeadership(target)) return;
        schedule();
      }
      await this.#pause();
    }
    // Clients of this node still wait for their answers: go when the successor can give them.
    while (raft.status().leader === null && clock.monotonicMs() < deadlineMs) await this.#pause();
  }

  /** The leader's refusal is this node's own to whoever asked it. */
  #ask(leader: NodeId, kind: string, payload: Uint8Array): Promise<Uint8Array> {
    return this.#options.transport
      .request(leader, kind, payload, requestTimeoutMs)
      .catch((error: unknown) => {
        throw refusalOfPeer(error);
      });
  }

  async #join(payload: Uint8Array, mayPassOn: boolean): Promise<Uint8Array> {
    const { nodeId, membership, agreed, clusterId } = this.#options;
    const wish = decodeJoinWish(payload);
    const leader = this.#leader();
    if (leader !== nodeId) {
      if (!mayPassOn) throw new ClusterError("not-leader", "leadership just moved");
      return this.#ask(leader, passedJoinRequestKind, payload);
    }
    const self = await membership.join(wish);
    return Buffer.from(
      JSON.stringify({ kind: "joined", clusterId, self, members: agreed.members() }),
    );
  }

  async #transfer(to: NodeId | null): Promise<NodeId> {
    const { raft, agreed, nodeId, schedule } = this.#options;
    await this.#until(() => !this.#isChanging());
    if (raft.status().role !== "leader") {
      throw new ClusterError("not-leader", "this node does not lead the cluster (any more)");
    }
    const target = to ?? this.#bestSuccessor();
    if (target === nodeId) return target;
    if (target === null || !raft.transferLeadership(target)) {
      throw new ClusterError("change-refused", "no other live voter can take over leadership");
    }
    schedule();
    // Should the target's campaign fail, another voter may win, or the leader of before goes on.
    await this.#until(() => {
      const { leader, transferTarget } = raft.status();
      return leader !== null && (leader !== nodeId || transferTarget === null);
    });
    const leader = this.#leader();
    if (leader === nodeId || (to !== null && leader !== to)) {
      const name = agreed.member(target)?.name ?? target;
      throw new ClusterError("change-refused", `${name} did not take over leadership`);
    }
    return leader;
  }

  /** A successor that learns of a committed change in the middle of its campaign gives it up. */
  #isChanging(): boolean {
    const { role, hasPendingConfigChange } = this.#options.raft.status();
    return role === "leader" && hasPendingConfigChange;
  }

  /** The live voter that holds most of the log. */
  #bestSuccessor(): NodeId | null {
    const { raft, nodeId, stateOf } = this.#options;
    const { progress, configuration } = raft.status();
    const candidates = progress
      .filter((view) => configuration.voters.includes(view.nodeId) && view.nodeId !== nodeId)
      .filter((view) => stateOf(view.nodeId) === "up")
      .sort((a, b) => b.match - a.match);
    return candidates[0]?.nodeId ?? null;
  }

  #leader(): NodeId {
    const { leader } = this.#options.raft.status();
    if (leader === null) throw new ClusterError("no-quorum", "no leader is known right now");
    return leader;
  }

  async #until(condition: () => boolean): Promise<void> {
    const { clock } = this.#options;
    const deadlineMs = clock.monotonicMs() + requestTimeoutMs;
    while (!condition()) {
      if (clock.monotonicMs() > deadlineMs) {
        throw new ClusterError("timeout", "leadership did not move in time");
      }
      await this.#pause();
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#options.clock.after(pollMs, resolve);
    });
  }
}
