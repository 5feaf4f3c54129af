import { isJoint } from "./configuration.ts";
import type { ProgressView, RaftStatus } from "./ready.ts";
import type { RaftState } from "./state.ts";

/** Drivers ask after every message, so the costly part is computed only where it is read. */
export function statusOf(state: RaftState): RaftStatus {
  const { log, configuration, configurations } = state;
  return {
    nodeId: state.nodeId,
    role: state.role,
    term: state.term,
    vote: state.vote,
    leader: state.leader,
    commitIndex: log.commitIndex,
    appliedIndex: log.appliedIndex,
    lastIndex: log.lastIndex,
    firstIndex: log.baseIndex + 1,
    configuration,
    isVoter: state.isVoter,
    hasPendingConfigChange:
      isJoint(configurations.current) ||
      (state.role === "leader" && state.pendingConfigIndex > log.appliedIndex),
    transferTarget: state.transferTarget,
    get progress() {
      return viewProgress(state);
    },
  };
}

function viewProgress(state: RaftState): readonly ProgressView[] {
  return [...state.progress].map(([nodeId, progress]) => ({
    nodeId,
    match: progress.match,
    next: progress.next,
    state: progress.state,
    isRecentlyActive: nodeId === state.nodeId || progress.isRecentlyActive,
    isLearner: progress.isLearner,
  }));
}
