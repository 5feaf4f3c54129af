import { isJoint } from "./configuration.ts";
import type { ProgressView, RaftStatus } from "./ready.ts";
import type { RaftState } from "./state.ts";

/** Drivers ask after every message, so the costly part is computed only where it is read. */
export function statusOf(state: RaftState): RaftStatus {
  return new Status(state);
}

/** A class, since an accessor in a literal costs more to make than all the rest. */
class Status implements RaftStatus {
  readonly nodeId;
  readonly role;
  readonly term;
  readonly vote;
  readonly leader;
  readonly commitIndex;
  readonly appliedIndex;
  readonly lastIndex;
  readonly firstIndex;
  readonly configuration;
  readonly transferTarget;
  readonly #state: RaftState;

  constructor(state: RaftState) {
    const { log } = state;
    this.#state = state;
    this.nodeId = state.nodeId;
    this.role = state.role;
    this.term = state.term;
    this.vote = state.vote;
    this.leader = state.leader;
    this.commitIndex = log.commitIndex;
    this.appliedIndex = log.appliedIndex;
    this.lastIndex = log.lastIndex;
    this.firstIndex = log.baseIndex + 1;
    this.configuration = state.configuration;
    this.transferTarget = state.transferTarget;
  }

  get isVoter(): boolean {
    return this.#state.isVoter;
  }

  get hasPendingConfigChange(): boolean {
    const { configurations, role, pendingConfigIndex, log } = this.#state;
    return (
      isJoint(configurations.current) ||
      (role === "leader" && pendingConfigIndex > log.appliedIndex)
    );
  }

  get progress(): readonly ProgressView[] {
    const { progress, nodeId: self } = this.#state;
    return [...progress].map(([nodeId, { match, next, state, isRecentlyActive, isLearner }]) => ({
      nodeId,
      match,
      next,
      state,
      isRecentlyActive: nodeId === self || isRecentlyActive,
      isLearner,
    }));
  }
}
