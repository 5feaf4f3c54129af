/** What the other nodes said to a question. */
export interface PeerAnswers {
  /** By name of the node. */
  readonly answers: ReadonlyMap<string, unknown>;
  /** Names of those that did not answer in time, or could not be asked. */
  readonly unanswered: readonly string[];
}

/** Questions between the APIs of the nodes, as JSON. */
export interface Peers {
  /** Asks the named nodes, or all others. Never rejects. */
  ask(kind: string, question: unknown, names?: readonly string[]): Promise<PeerAnswers>;
  /** Answers such questions from now on; what the handler throws, the other node sees as no answer. */
  onAsked(kind: string, handler: (question: unknown) => Promise<unknown>): void;
  /** Name of a member by its id; null when it is none. */
  nameOf(nodeId: string): string | null;
  /** Whether a member has this name. */
  has(name: string): boolean;
}
