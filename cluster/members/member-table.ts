import type { NodeId } from "../node-id.ts";

/** A hint for forwarding and elections; only the log decides who is a member. */
export type MemberState = "up" | "suspect" | "down";

export interface MemberTimings {
  /** Expected time between two ticks. */
  readonly pingMs: number;
  /** Without a pong for so long a member is suspect, */
  readonly suspectMs: number;
  /** and for so long, down. Larger than `suspectMs`. */
  readonly downMs: number;
}

export interface StateChange {
  readonly nodeId: NodeId;
  readonly state: MemberState;
}

interface Member {
  state: MemberState;
  isLinked: boolean;
  /** When it last proved to be alive; for a member that never did, when it became known. */
  heardMs: number;
}

/**
 * The failure detector. A link that opens or a pong proves life; a link that closes makes a member suspect at once; silence
 * makes it suspect, then down. A tick that comes late means that this node itself stood still, and then the
 * silence of the others proves nothing (Lifeguard): the time it stood still does not count.
 */
export class MemberTable {
  readonly #timings: MemberTimings;
  readonly #members = new Map<NodeId, Member>();
  #tickedMs: number | null = null;

  constructor(timings: MemberTimings) {
    this.#timings = timings;
  }

  nodeIds(): NodeId[] {
    return [...this.#members.keys()];
  }

  has(nodeId: NodeId): boolean {
    return this.#members.has(nodeId);
  }

  /** Null for a node that is no member. */
  stateOf(nodeId: NodeId): MemberState | null {
    return this.#members.get(nodeId)?.state ?? null;
  }

  /** A new member is suspect until it answers. */
  add(nodeId: NodeId, isLinked: boolean, nowMs: number): void {
    if (this.#members.has(nodeId)) return;
    this.#members.set(nodeId, { state: "suspect", isLinked, heardMs: nowMs });
  }

  remove(nodeId: NodeId): void {
    this.#members.delete(nodeId);
  }

  linkUp(nodeId: NodeId, nowMs: number): StateChange | null {
    const member = this.#members.get(nodeId);
    if (member === undefined) return null;
    member.isLinked = true;
    member.heardMs = nowMs;
    return member.state === "down" ? move(nodeId, member, "suspect") : null;
  }

  linkDown(nodeId: NodeId): StateChange | null {
    const member = this.#members.get(nodeId);
    if (member === undefined) return null;
    member.isLinked = false;
    return member.state === "up" ? move(nodeId, member, "suspect") : null;
  }

  pong(nodeId: NodeId, nowMs: number): StateChange | null {
    const member = this.#members.get(nodeId);
    if (member === undefined || !member.isLinked) return null;
    member.heardMs = nowMs;
    return member.state === "up" ? null : move(nodeId, member, "up");
  }

  /** To be called every `pingMs`. `stalledMs`: how long this node stood still; 0 when it did not. */
  tick(nowMs: number): { readonly changes: readonly StateChange[]; readonly stalledMs: number } {
    const { pingMs, suspectMs, downMs } = this.#timings;
    const lateMs = this.#tickedMs === null ? 0 : nowMs - this.#tickedMs - pingMs;
    const stalledMs = lateMs > suspectMs / 2 ? lateMs : 0;
    this.#tickedMs = nowMs;
    const changes: StateChange[] = [];
    for (const [nodeId, member] of this.#members) {
      member.heardMs = Math.min(nowMs, member.heardMs + stalledMs);
      const silentMs = nowMs - member.heardMs;
      if (silentMs >= downMs && member.state !== "down") {
        changes.push(move(nodeId, member, "down"));
      } else if (silentMs >= suspectMs && member.state === "up") {
        changes.push(move(nodeId, member, "suspect"));
      }
    }
    return { changes, stalledMs };
  }
}

function move(nodeId: NodeId, member: Member, state: MemberState): StateChange {
  member.state = state;
  return { nodeId, state };
}
