import type { NodeId } from "#cluster";
import type { LocalMember } from "./local-member.ts";
import type { LocalTarget } from "./routing-api.ts";
import {
  chooseByHash,
  chooseRoundRobin,
  type ShareCandidate,
  type ShareStrategy,
} from "./share-strategy.ts";
import { hashOfText, mixedHashes } from "./topic-hash.ts";

/** A member of this node, another node that is to choose one of its own, or nobody. */
export type ShareChoice<T extends LocalTarget> = LocalMember<T> | NodeId | null;

/**
 * The members of one shared subscription (MQTT 5, 4.8.2) in the whole cluster: each session of this node, and how many sessions
 * each other node has. Each message goes to one of them.
 */
export class SharedGroup<T extends LocalTarget> {
  /** `$share/{ShareName}/{filter}`, the key of the interest. */
  readonly key: string;
  readonly filter: string;
  readonly #self: ShareCandidate;
  readonly #remotes = new Map<NodeId, ShareCandidate>();
  readonly #members: LocalMember<T>[] = [];
  readonly #positions = new Map<T, number>();
  /** With "hash-topic": of their client identifiers. */
  readonly #hashes = new Map<T, number>();
  readonly #strategy: ShareStrategy;
  /** Where the search for the next local member begins. */
  #next = 0;
  /** With "sticky": who had the last message, here and of the nodes. */
  #lastTarget: T | null = null;
  #lastNode: ShareCandidate | null = null;
  /** Scratch space of `choose`, kept because it runs for every message. */
  readonly #candidates: ShareCandidate[] = [];

  constructor(key: string, filter: string, selfNodeId: NodeId, strategy: ShareStrategy) {
    this.key = key;
    this.filter = filter;
    this.#strategy = strategy;
    this.#self = { nodeId: selfNodeId, weight: 0, credit: 0 };
  }

  get localCount(): number {
    return this.#members.length;
  }

  get isEmpty(): boolean {
    return this.#members.length === 0 && this.#remotes.size === 0;
  }

  /** True if the target is new here; else its subscription is replaced. */
  setMember(member: LocalMember<T>): boolean {
    const position = this.#positions.get(member.target);
    if (position !== undefined) {
      this.#members[position] = member;
      return false;
    }
    this.#positions.set(member.target, this.#members.length);
    this.#members.push(member);
    this.#self.weight = this.#members.length;
    return true;
  }

  removeMember(target: T): boolean {
    const position = this.#positions.get(target);
    if (position === undefined) {
      return false;
    }
    this.#positions.delete(target);
    this.#hashes.delete(target);
    if (this.#lastTarget === target) this.#lastTarget = null;
    const last = this.#members.pop()!;
    if (last.target !== target) {
      this.#members[position] = last;
      this.#positions.set(last.target, position);
    }
    this.#self.weight = this.#members.length;
    return true;
  }

  setRemote(nodeId: NodeId, weight: number): void {
    const candidate = this.#remotes.get(nodeId);
    if (candidate === undefined) {
      this.#remotes.set(nodeId, { nodeId, weight, credit: 0 });
    } else {
      candidate.weight = weight;
    }
  }

  removeRemote(nodeId: NodeId): void {
    if (this.#lastNode?.nodeId === nodeId) this.#lastNode = null;
    this.#remotes.delete(nodeId);
  }

  /**
   * For a message that entered the cluster here. Who cannot take it now, an unavailable member or a suspended node, is passed over
   * while anyone else can; if nobody can, it still goes to somebody, whose queue may keep it.
   */
  choose(topic: string, suspended: ReadonlySet<NodeId>): ShareChoice<T> {
    const candidates = this.#candidates;
    candidates.length = 0;
    const available = this.#find(topic, true);
    if (available >= 0) {
      if (this.#strategy === "local-first") return this.#take(available);
      candidates.push(this.#self);
    }
    for (const candidate of this.#remotes.values()) {
      if (!suspended.has(candidate.nodeId)) {
        candidates.push(candidate);
      }
    }
    if (candidates.length === 0) {
      if (this.#members.length > 0) {
        return this.#take(this.#find(topic, false));
      }
      candidates.push(...this.#remotes.values());
    }
    const chosen = this.#chooseNode(candidates, topic);
    if (chosen === this.#self) {
      return this.#take(available);
    }
    return chosen?.nodeId ?? null;
  }

  /** For a message that another node sent here for this group; null if its last member has just left. */
  chooseLocal(topic: string): LocalMember<T> | null {
    if (this.#members.length === 0) {
      return null;
    }
    const available = this.#find(topic, true);
    return this.#take(available >= 0 ? available : this.#find(topic, false));
  }

  #chooseNode(candidates: readonly ShareCandidate[], topic: string): ShareCandidate | null {
    if (candidates.length === 0) return null;
    switch (this.#strategy) {
      case "round-robin":
      case "local-first":
        return candidates.length === 1 ? candidates[0]! : chooseRoundRobin(candidates);
      case "hash-topic":
        return chooseByHash(candidates, topic);
      case "sticky": {
        const last = this.#lastNode;
        if (last !== null && candidates.includes(last)) return last;
        // By the group, so that nodes which begin at the same time agree.
        this.#lastNode = chooseByHash(candidates, this.key);
        return this.#lastNode;
      }
    }
  }

  #take(position: number): LocalMember<T> {
    this.#next = position + 1;
    const member = this.#members[position]!;
    if (this.#strategy === "sticky") this.#lastTarget = member.target;
    return member;
  }

  /** Position of the member whose turn it is, -1 when none is available; at least one member unless availability counts. */
  #find(topic: string, isAvailabilityNeeded: boolean): number {
    if (this.#strategy === "hash-topic") return this.#byHash(topic, isAvailabilityNeeded);
    if (this.#strategy === "sticky" && this.#lastTarget !== null) {
      const last = this.#positions.get(this.#lastTarget);
      const isAble = !isAvailabilityNeeded || this.#lastTarget.isAvailable;
      if (last !== undefined && isAble) return last;
    }
    return isAvailabilityNeeded ? this.#nextAvailable() : this.#next % this.#members.length;
  }

  #byHash(topic: string, isAvailabilityNeeded: boolean): number {
    const topicHash = hashOfText(topic);
    let chosen = -1;
    let best = -1;
    for (const [position, { target }] of this.#members.entries()) {
      if (isAvailabilityNeeded && !target.isAvailable) continue;
      const score = mixedHashes(topicHash, this.#hashOf(target));
      if (score > best) {
        best = score;
        chosen = position;
      }
    }
    return chosen;
  }

  /** Made once for each member. */
  #hashOf(target: T): number {
    let hash = this.#hashes.get(target);
    if (hash === undefined) {
      hash = hashOfText(target.clientId);
      this.#hashes.set(target, hash);
    }
    return hash;
  }

  /** Position of the next member in turn that is available, or -1. */
  #nextAvailable(): number {
    const count = this.#members.length;
    for (let step = 0; step < count; step++) {
      const position = (this.#next + step) % count;
      if (this.#members[position]!.target.isAvailable) {
        return position;
      }
    }
    return -1;
  }
}
