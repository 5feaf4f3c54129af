import type { NodeId } from "../../cluster/node-id.ts";
import type { Message, VoteRequest } from "../../cluster/raft/messages.ts";
import type { Configuration, Entry, LogIndex, Term } from "../../cluster/raft/types.ts";
import { type Facts, isQuorum } from "./facts.ts";

/** What the rules must know of the process that speaks. */
export interface Speaker {
  readonly nodeId: NodeId;
  /** As the process sees it; its disk follows. */
  readonly log: { readonly lastIndex: LogIndex; termAt(index: LogIndex): Term | undefined };
  /** In force at what it has applied; null before it has a state. */
  readonly configuration: () => Configuration | null;
  /** Those in force before it, the latest. */
  readonly earlierConfigurations: () => readonly Configuration[];
  readonly nowMs: () => number;
}

type Holder = Omit<Speaker, "nowMs" | "earlierConfigurations">;

/**
 * Rules of consensus whose breach need not harm anybody at once, in a whole cluster: they are judged by what each node says
 * when it says it (Raft thesis, sections 3.6, 4.1, 6.4 and 9.6).
 */
export class Rules {
  readonly #facts: Facts;
  /** Pre-votes granted: term and candidate -> by whom. */
  readonly #grants = new Map<string, Set<NodeId>>();
  readonly #campaigns = new Set<string>();
  /** Terms and whom their leaders told to campaign. */
  readonly #summons = new Set<string>();
  /** Of messages that speak of their sender's own term. */
  #newestTerm: Term = 0;
  #toldCommit: LogIndex = 0;
  #toldTerm: Term = 0;

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  get newestTerm(): Term {
    return this.#newestTerm;
  }

  readonly demand = (isTrue: boolean, promise: string, what: string | (() => string)): void =>
    this.#facts.demand(isTrue, promise, what);

  /** The commit index rises only by an entry of the leader's own term that a quorum of the members in force has stored. */
  leads({ nodeId, log, configuration }: Speaker, term: Term, commit: LogIndex | null): void {
    if (term > this.#newestTerm) this.#newestTerm = term;
    if (commit === null || commit <= this.#toldCommit || commit <= this.#facts.committedIndex)
      return;
    this.#toldCommit = commit;
    const entryTerm = log.termAt(commit);
    this.#toldTerm = entryTerm ?? 0;
    this.demand(
      entryTerm === term,
      "commit by counting own entries only",
      `${nodeId} commits ${commit} of term ${entryTerm} in term ${term}`,
    );
    const inForce = configuration();
    const isDurable =
      inForce === null ||
      isQuorum(inForce, (voter) => this.#facts.disks.get(voter)?.holds(commit, term) === true);
    this.#facts.judgedIndex = commit;
    this.demand(isDurable, "durable on a quorum when committed", `${nodeId}: ${commit} of ${term}`);
  }

  /** A leader knows what is committed, which is what a read must see, when an entry of its own term is. */
  reads(speaker: Speaker, term: Term): void {
    const isCommitted = this.#hasCommitted(speaker, term);
    this.demand(
      isCommitted,
      "no read before an entry of the own term",
      `${speaker.nodeId} in ${term}`,
    );
  }

  /** An entry of the term is committed, whether anybody has said so already or not. */
  #hasCommitted({ log, configuration }: Holder, term: Term): boolean {
    if (Math.max(this.#toldTerm, this.#facts.committedTerm) >= term) return true;
    let first = log.lastIndex;
    while (log.termAt(first - 1) === term) first--;
    const inForce = configuration();
    return (
      log.termAt(first) === term &&
      (inForce === null ||
        isQuorum(inForce, (voter) => this.#facts.disks.get(voter)?.holds(first, term) === true))
    );
  }

  /** Known to be committed by who counted and had no occasion to say so: it wrote it down, or answers a candidate. */
  knowsCommit(commit: LogIndex): void {
    if (commit > this.#toldCommit) this.#toldCommit = commit;
  }

  said(speaker: Speaker, message: Message): void {
    const { type, term, to } = message;
    if (type === "voteResponse" || type === "preVoteResponse") this.knowsCommit(message.commit);
    const isOfLaterCampaign =
      type === "preVote" || (type === "preVoteResponse" && !message.rejected);
    if (term > this.#newestTerm && !isOfLaterCampaign) this.#newestTerm = term;
    if (type === "preVoteResponse" && !message.rejected) {
      const key = `${term} ${to}`;
      const granted = this.#grants.get(key) ?? new Set();
      this.#grants.set(key, granted.add(speaker.nodeId));
    } else if (type === "timeoutNow") this.#summoned(speaker, to, term);
    else if (type === "vote") this.#campaigned(speaker, message);
  }

  /** A leader appended a change of the configuration: not before an entry of its own term, nor while another is open. */
  changes(speaker: Holder, { index, term }: Entry, openIndex: LogIndex | null): void {
    const { nodeId } = speaker;
    this.demand(
      this.#hasCommitted(speaker, term),
      "no change before an entry of the own term",
      `${nodeId} changes the configuration at ${index} in term ${term}`,
    );
    this.demand(
      openIndex === null,
      "one change at a time",
      `${nodeId} changes the configuration at ${index}, that of ${openIndex} is not applied`,
    );
  }

  /** Who shall take over holds all that the leader has, durably. */
  #summoned({ nodeId, log }: Speaker, to: NodeId, term: Term): void {
    this.#summons.add(`${term} ${to}`);
    const { lastIndex } = log;
    this.demand(
      this.#facts.disks.get(to)?.holds(lastIndex, log.termAt(lastIndex) ?? 0) === true,
      "transfer to who holds everything",
      `${nodeId} hands over to ${to}, which lacks ${lastIndex}`,
    );
  }

  /**
   * A term begins with the consent of a quorum, or on the word of the leader before. What is said waits for the disk: by then others may have
   * changed who votes, in a later term or without the candidate.
   */
  #campaigned(
    { nodeId, configuration, earlierConfigurations }: Speaker,
    { term, isTransfer }: VoteRequest,
  ): void {
    const key = `${term} ${nodeId}`;
    if (this.#campaigns.has(key)) return;
    this.#campaigns.add(key);
    const inForce = configuration();
    if (inForce === null) return;
    const granted = this.#grants.get(key);
    const possible = [inForce, ...earlierConfigurations()];
    const isVoter = possible.some(({ voters, votersOutgoing }) =>
      [...voters, ...votersOutgoing].includes(nodeId),
    );
    this.demand(isVoter, "only voters campaign", `${nodeId} asks for term ${term}`);
    const hasConsent = isTransfer
      ? this.#summons.has(`${term - 1} ${nodeId}`)
      : possible.some((each) =>
          isQuorum(each, (voter) => voter === nodeId || granted?.has(voter) === true),
        );
    this.demand(hasConsent, "no campaign without consent", `${nodeId} asks for term ${term}`);
  }
}
