import type { NodeId } from "#cluster";
import type { LocalMember } from "./local-member.ts";
import type { LocalTarget } from "./routing-api.ts";
import type { ChooseNode, ShareCandidate } from "./share-strategy.ts";

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
  /** Where the search for the next local member begins. */
  #next = 0;
  /** Scratch space of `choose`, kept because it runs for every message. */
  readonly #candidates: ShareCandidate[] = [];

  constructor(key: string, filter: string, selfNodeId: NodeId) {
    this.key = key;
    this.filter = filter;
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
    this.#remotes.delete(nodeId);
  }

  /**
   * For a message that entered the cluster here. Who cannot take it now, an unavailable member or a suspended node, is passed over
   * while anyone else can; if nobody can, it still goes to somebody, whose queue may keep it.
   */
  choose(
    topic: string,
    publisherId: string,
    suspended: ReadonlySet<NodeId>,
    chooseNode: ChooseNode,
  ): ShareChoice<T> {
    const candidates = this.#candidates;
    candidates.length = 0;
    const available = this.#nextAvailable();
    if (available >= 0) {
      candidates.push(this.#self);
    }
    for (const candidate of this.#remotes.values()) {
      if (!suspended.has(candidate.nodeId)) {
        candidates.push(candidate);
      }
    }
    if (candidates.length === 0) {
      if (this.#members.length > 0) {
        return this.#take(this.#next % this.#members.length);
      }
      candidates.push(...this.#remotes.values());
    }
    const chosen =
      candidates.length > 1 ? chooseNode(candidates, topic, publisherId) : candidates[0];
    if (chosen === this.#self) {
      return this.#take(available);
    }
    return chosen?.nodeId ?? null;
  }

  /** For a message that another node sent here for this group; null if its last member has just left. */
  chooseLocal(): LocalMember<T> | null {
    if (this.#members.length === 0) {
      return null;
    }
    const available = this.#nextAvailable();
    return this.#take(available >= 0 ? available : this.#next % this.#members.length);
  }

  #take(position: number): LocalMember<T> {
    this.#next = position + 1;
    return this.#members[position]!;
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
