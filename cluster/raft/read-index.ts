import type { NodeId } from "../node-id.ts";
import { raftLimits } from "./limits.ts";
import { isQuorum } from "./quorum.ts";
import type { Configuration, LogIndex } from "./types.ts";

/** Who asked: this node itself or a follower. */
export interface ReadRequest {
  readonly from: NodeId;
  readonly requestId: number;
}

interface ReadRound {
  readonly context: number;
  readonly index: LogIndex;
  readonly requests: readonly ReadRequest[];
}

export interface ConfirmedRead {
  readonly index: LogIndex;
  readonly requests: readonly ReadRequest[];
}

/**
 * Linearizable reads at the leader (Raft thesis 6.4): the commit index counts as a read index once a quorum has
 * answered a heartbeat that left after the request. Requests that arrive together share a round. An answer to a later
 * round confirms the earlier ones too. Lives as long as one leadership, so a context is never reused within a term.
 */
export class LeaderReads {
  #waiting: ReadRequest[] = [];
  #rounds: ReadRound[] = [];
  #lastContext = 0;
  #requestsInRounds = 0;
  readonly #acknowledged = new Map<NodeId, number>();

  get canStartRound(): boolean {
    return this.#waiting.length > 0 && this.#rounds.length < raftLimits.readRoundsMax;
  }

  /** What a heartbeat carries so that lost ones do not stall a round; 0 when no round is open. */
  get openContext(): number {
    return this.#rounds.at(-1)?.context ?? 0;
  }

  /** False when there are too many. */
  add(request: ReadRequest): boolean {
    if (this.#waiting.length + this.#requestsInRounds >= raftLimits.readsWaitingMax) {
      return false;
    }
    this.#waiting.push(request);
    return true;
  }

  startRound(index: LogIndex): number {
    this.#lastContext += 1;
    this.#rounds.push({ context: this.#lastContext, index, requests: this.#waiting });
    this.#requestsInRounds += this.#waiting.length;
    this.#waiting = [];
    return this.#lastContext;
  }

  acknowledge(from: NodeId, context: number): void {
    this.#acknowledged.set(from, Math.max(context, this.#acknowledged.get(from) ?? 0));
  }

  takeConfirmed(configuration: Configuration, self: NodeId): readonly ConfirmedRead[] {
    let confirmed = 0;
    for (const { context } of this.#rounds) {
      const isAgreeing = (nodeId: NodeId): boolean =>
        nodeId === self || (this.#acknowledged.get(nodeId) ?? 0) >= context;
      if (!isQuorum(configuration, isAgreeing)) {
        break;
      }
      confirmed += 1;
    }
    const rounds = this.#rounds.splice(0, confirmed);
    this.#requestsInRounds -= rounds.reduce((sum, round) => sum + round.requests.length, 0);
    return rounds;
  }

  /** The leadership ended: nothing that is still open can be answered. */
  takeAll(): readonly ReadRequest[] {
    const all = [...this.#rounds.flatMap((round) => round.requests), ...this.#waiting];
    this.#rounds = [];
    this.#waiting = [];
    this.#requestsInRounds = 0;
    return all;
  }
}

/**
 * Reads that this follower asked its leader about; they live as long as it follows that leader in that term. On the wire they
 * have numbers of their own from a random start: a late answer to the process that ran here before must not count.
 */
export class ForwardedReads {
  #open = new Map<number, number>();
  #lastWireId: number;

  constructor(start: number) {
    this.#lastWireId = start;
  }

  /** The number for the wire, and the oldest request if it had to make room: its answer was probably lost. */
  add(requestId: number): { readonly wireId: number; readonly droppedId: number | null } {
    this.#lastWireId += 1;
    this.#open.set(this.#lastWireId, requestId);
    const oldest = this.#open.keys().next().value!;
    const isFull = this.#open.size > raftLimits.readsWaitingMax;
    return { wireId: this.#lastWireId, droppedId: isFull ? this.take(oldest) : null };
  }

  /** The request behind a number; null for an answer that nobody waits for any more. */
  take(wireId: number): number | null {
    const requestId = this.#open.get(wireId) ?? null;
    this.#open.delete(wireId);
    return requestId;
  }

  takeAll(): readonly number[] {
    const all = [...this.#open.values()];
    this.#open.clear();
    return all;
  }
}
