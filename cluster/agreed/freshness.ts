import type { NodeId } from "../node-id.ts";
import type { Message } from "../raft/messages.ts";
import { quorumIndex } from "../raft/quorum.ts";
import type { RaftStatus } from "../raft/ready.ts";
import type { LogIndex, Term } from "../raft/types.ts";

type Standing = Pick<RaftStatus, "role" | "term" | "leader" | "configuration" | "commitIndex">;

/** What its leader called committed, and when. */
interface Word {
  readonly commit: LogIndex;
  readonly atMs: number;
}

const never = Number.NEGATIVE_INFINITY;
/** After a stall the waiting messages are read within so many ticks; until then they are taken for as old as the stall. */
const ticksToDrain = 4;

/**
 * How old what this replica holds may be. A follower is in step as of a word of its leader when it has applied what that word
 * called committed; to hear a leader is not enough for one that catches up. A leader is in step as of the last answer of a
 * quorum: one that is cut off, or stood still itself, does not know of its successor.
 */
export class Freshness {
  readonly #nodeId: NodeId;
  /** Of the last tick: whatever is read since may have come at any time after it. */
  #nowMs = never;
  #ticksHeld = 0;
  #term: Term = 0;
  #leader: NodeId | null = null;
  #heardMs = never;
  #electedMs = never;
  readonly #answeredMs = new Map<NodeId, number>();
  /** As it was when an answer came last; what it amounts to is noted when leadership ends. */
  #led: Standing | null = null;
  /** Null until the leader of the moment has sent an append over the link of the moment: heartbeats alone do not tell. */
  #commit: LogIndex | null = null;
  /** Waited for; the newer word takes its place when it is reached, so that also a replica that always lags knows by how much. */
  #awaited: Word | null = null;
  #newest: Word | null = null;
  #appliedIndex: LogIndex;
  #appliedTerm: Term = 0;
  #isWhole = true;
  #inStepMs = never;

  constructor(nodeId: NodeId, appliedIndex: LogIndex) {
    this.#nodeId = nodeId;
    this.#appliedIndex = appliedIndex;
  }

  /** Between two rounds of reading messages. */
  tick(nowMs: number): void {
    if (this.#ticksHeld > 0) this.#ticksHeld--;
    else this.#nowMs = nowMs;
  }

  /** This node stood still: what it reads now may have been sent before. */
  stalled(): void {
    this.#ticksHeld = ticksToDrain;
  }

  /** A message that the core has taken, and what it made of it. */
  took(message: Message, standing: Standing): void {
    this.#follow(standing);
    const { from, term, type } = message;
    if (term !== this.#term) return;
    if (standing.role === "leader") {
      const isAnswer = type === "heartbeatResponse" || type === "appendResponse";
      if (isAnswer) this.#answeredMs.set(from, this.#nowMs);
      this.#led = standing;
    } else if (from === this.#leader) {
      this.#heardMs = this.#nowMs;
      if (type === "append") this.#commit = message.commit;
      if (type === "append" || type === "heartbeat") this.#expect();
    }
  }

  /** What a node sent last may be lost. */
  linkDown(nodeId: NodeId): void {
    if (nodeId === this.#leader) this.#commit = null;
  }

  applied(index: LogIndex, term: Term): void {
    this.#appliedIndex = index;
    this.#appliedTerm = term;
    this.#reach();
  }

  /** A snapshot takes the place of the state: until it is loaded there is no state to read. */
  replacing(): void {
    this.#isWhole = false;
  }

  replaced(index: LogIndex, term: Term): void {
    this.#isWhole = true;
    this.applied(index, term);
  }

  /** When this node last heard its leader, or, as leader, a quorum; -Infinity when it never did. */
  contactMs(standing: Standing, nowMs: number): number {
    this.#follow(standing);
    return standing.role === "leader" ? this.#quorumMs(standing, nowMs) : this.#heardMs;
  }

  /** The moment as of which this replica holds everything committed; -Infinity when that is not known. */
  inStepMs(standing: Standing, nowMs: number): number {
    this.#follow(standing);
    if (standing.role === "leader") this.#creditLeader(standing, nowMs);
    return this.#isWhole ? this.#inStepMs : never;
  }

  #follow({ term, leader }: Standing): void {
    if (term === this.#term && leader === this.#leader) return;
    if (this.#led !== null) this.#creditLeader(this.#led, this.#nowMs);
    this.#led = null;
    this.#term = term;
    this.#leader = leader;
    this.#commit = null;
    this.#answeredMs.clear();
    this.#electedMs = this.#nowMs;
  }

  /** A leader knows what is committed when an entry of its own term is. */
  #creditLeader(standing: Standing, nowMs: number): void {
    const { term, commitIndex } = standing;
    if (this.#appliedTerm !== term || this.#appliedIndex < commitIndex) return;
    this.#inStepMs = Math.max(this.#inStepMs, this.#quorumMs(standing, nowMs));
  }

  #quorumMs({ configuration }: Standing, nowMs: number): number {
    return quorumIndex(configuration, (nodeId) =>
      nodeId === this.#nodeId ? nowMs : (this.#answeredMs.get(nodeId) ?? this.#electedMs),
    );
  }

  #expect(): void {
    if (this.#commit === null) return;
    const word = { commit: this.#commit, atMs: this.#nowMs };
    if (this.#awaited === null) this.#awaited = word;
    else this.#newest = word;
    this.#reach();
  }

  #reach(): void {
    while (this.#awaited !== null && this.#appliedIndex >= this.#awaited.commit) {
      this.#inStepMs = Math.max(this.#inStepMs, this.#awaited.atMs);
      this.#awaited = this.#newest;
      this.#newest = null;
    }
  }
}
