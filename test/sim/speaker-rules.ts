import type { NodeId } from "../../cluster/node-id.ts";
import { defaultTimings } from "../../cluster/options.ts";
import type { Message } from "../../cluster/raft/messages.ts";
import type { Configuration, LogIndex, Term } from "../../cluster/raft/types.ts";
import { isQuorum } from "./facts.ts";
import type { Rules, Speaker } from "./rules.ts";

const { tickMs, electionTicks } = defaultTimings;
const electionMs = tickMs * electionTicks;
/** The first of the ticks after word of the leader may come at once; behind a stall the one that was due does, and the next by the grid. */
const loyalMs = electionMs - 2 * tickMs;
/** A leader without a quorum notices at the end of the second interval, and a transfer makes an interval twice as long. */
const aloneMaxMs = 4 * electionMs + 4 * tickMs;
/** Leaders speak every two ticks; who was silent for longer stood still, and so did its intervals. */
const stallMs = 4 * tickMs;

interface LeaderWord {
  readonly from: NodeId;
  readonly term: Term;
  readonly atMs: number;
}

/** What one process heard, and what it may say after that. It is forgotten with the process. */
export class SpeakerRules {
  readonly #rules: Rules;
  readonly #speaker: Speaker;
  readonly #heardMs = new Map<NodeId, number>();
  #word: LeaderWord | null = null;
  /** Answered, so the core has heard it. */
  #answeredWord: LeaderWord | null = null;
  #ledTerm: Term = 0;
  /** Of its newest round of heartbeats for reads. */
  #readTerm: Term = 0;
  #ledConfiguration: Configuration | null = null;
  /** Since then it leads this configuration without a stall. */
  #ledSinceMs = 0;
  #ledMs = 0;

  constructor(rules: Rules, speaker: Speaker) {
    this.#rules = rules;
    this.#speaker = speaker;
  }

  heard(from: NodeId, term: Term, isLeaderWord: boolean): void {
    const atMs = this.#speaker.nowMs();
    this.#heardMs.set(from, atMs);
    if (isLeaderWord) this.#word = { from, term, atMs };
  }

  /** A broken link is a reason to doubt the leader. */
  linkDown(nodeId: NodeId): void {
    if (this.#word?.from === nodeId) this.#word = null;
    if (this.#answeredWord?.from === nodeId) this.#answeredWord = null;
  }

  /** Check-Quorum: nobody leads for long who hears no quorum. */
  leads(term: Term, commit: LogIndex | null): void {
    this.#rules.leads(this.#speaker, term, commit);
    const nowMs = this.#speaker.nowMs();
    const configuration = this.#speaker.configuration();
    const isInterrupted =
      term !== this.#ledTerm ||
      configuration !== this.#ledConfiguration ||
      nowMs - this.#ledMs > stallMs;
    if (isInterrupted) this.#ledSinceMs = nowMs;
    this.#ledTerm = term;
    this.#ledConfiguration = configuration;
    this.#ledMs = nowMs;
    if (configuration === null || nowMs - this.#ledSinceMs < aloneMaxMs) return;
    const { nodeId } = this.#speaker;
    const hasQuorum = isQuorum(
      configuration,
      (voter) => voter === nodeId || nowMs - (this.#heardMs.get(voter) ?? 0) < aloneMaxMs,
    );
    this.#rules.demand(
      hasQuorum,
      "no leader without a quorum",
      () => `${nodeId} leads term ${term}`,
    );
  }

  /** A leader asks whether it still leads, for a read: once it may, it may for the rest of its term. */
  reads(term: Term): void {
    if (term === this.#readTerm) return;
    this.#readTerm = term;
    this.#rules.reads(this.#speaker, term);
  }

  said(message: Message): void {
    this.#rules.said(this.#speaker, message);
    if (message.type === "heartbeatResponse") {
      const { from, term } = this.#word ?? {};
      if (from === message.to && term === message.term) this.#answeredWord = this.#word;
    } else if (message.type === "preVoteResponse" && !message.rejected) {
      this.#grants(message.to, message.term);
    }
  }

  /** Stickiness: nobody helps to depose a leader that it still hears. */
  #grants(candidate: NodeId, term: Term): void {
    const word = this.#answeredWord;
    // Of a later term than the leader's this node may know by itself; nothing is known of its leader then.
    const isOfTerm =
      word !== null && word.term === term - 1 && this.#rules.newestTerm === word.term;
    if (!isOfTerm || word.from === candidate) return;
    const sinceMs = this.#speaker.nowMs() - word.atMs;
    this.#rules.demand(
      sinceMs >= loyalMs,
      "stickiness",
      `${this.#speaker.nodeId} would vote for ${candidate} ${sinceMs.toFixed(0)} ms after ${word.from} spoke`,
    );
  }
}
