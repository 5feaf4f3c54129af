import type { ConfigChangeResult } from "./api.ts";
import { changeConfiguration } from "./config-change.ts";
import { encodeConfigChange } from "./config-change-codec.ts";
import { isJoint } from "./configuration.ts";
import { invariant } from "./invariant.ts";
import { isQuorum } from "./quorum.ts";
import { advanceCommit, answerReads, hasCommittedInTerm } from "./replication.ts";
import { appendOwn, becomeFollower, buildProgress, isHandingOver } from "./role.ts";
import type { RaftState } from "./state.ts";
import { type ConfigChange, type Configuration, EntryType, type LogIndex } from "./types.ts";

/**
 * Configuration changes. They take effect when applied, which is safe because none is proposed while one is unapplied, and
 * because whoever holds the next one knows that the one before is committed: the commit index is written with the
 * entries, and a node with a committed change it has not applied does not campaign.
 */
export function proposeChange(state: RaftState, change: ConfigChange): ConfigChangeResult {
  if (state.role !== "leader") {
    return { status: "rejected", reason: "not-leader" };
  }
  if (isHandingOver(state)) {
    return { status: "rejected", reason: "transferring" };
  }
  // The known flaw of changes without this rule: dissertation, erratum to section 4.1.
  if (!hasCommittedInTerm(state)) {
    return { status: "rejected", reason: "term-not-committed" };
  }
  if (state.pendingConfigIndex > state.log.appliedIndex) {
    return { status: "rejected", reason: "change-pending" };
  }
  const result = changeConfiguration(state.configuration, change);
  if (result.status === "refused" || !keepsQuorum(state, result.configuration)) {
    const isLeaving = isJoint(state.configuration) && change.type === "change";
    return { status: "rejected", reason: isLeaving ? "change-pending" : "unsafe" };
  }
  return appendChange(state, change);
}

function appendChange(state: RaftState, change: ConfigChange): ConfigChangeResult {
  appendOwn(state, [{ type: EntryType.configChange, data: encodeConfigChange(change) }]);
  state.pendingConfigIndex = state.log.lastIndex;
  return { status: "accepted", index: state.pendingConfigIndex, term: state.term };
}

/**
 * A change could be committed by the old voters and yet leave new ones that cannot decide anything any more. A new leader gives
 * check-quorum time for an answer, but here only answers count: the one that it presumes alive may be the dead leader.
 */
function keepsQuorum(state: RaftState, next: Configuration): boolean {
  const hasSameVoters = next.voters.join() === state.configuration.voters.join();
  const isAnswering = (nodeId: string): boolean => {
    const progress = state.progress.get(nodeId);
    return progress?.hasAnswered === true && progress.isRecentlyActive;
  };
  return (
    hasSameVoters || isQuorum(next, (nodeId) => nodeId === state.nodeId || isAnswering(nodeId))
  );
}

/** Whoever leads finishes a joint configuration, also one that an earlier leader left behind. */
export function leaveJointIfDue(state: RaftState): void {
  const isSettled = state.pendingConfigIndex <= state.log.appliedIndex;
  if (
    state.role === "leader" &&
    isJoint(state.configuration) &&
    isSettled &&
    hasCommittedInTerm(state)
  ) {
    appendChange(state, { type: "leaveJoint" });
  }
}

export function applyChange(
  state: RaftState,
  change: ConfigChange,
  index: LogIndex,
): Configuration {
  invariant(
    index > state.log.appliedIndex && index <= state.log.commitIndex,
    "a change is applied once, when it is committed",
    { index },
  );
  const result = changeConfiguration(state.configuration, change);
  invariant(result.status === "ok", "a committed change fits the configuration before it", {
    index,
  });
  state.configurations.record(index, result.configuration);
  if (state.role === "leader") {
    leadConfiguration(state);
  } else if (state.role !== "follower" && !state.isVoter) {
    becomeFollower(state, state.term, null);
  }
  return result.configuration;
}

/** A smaller quorum may already have agreed on what a larger one had not. */
function leadConfiguration(state: RaftState): void {
  buildProgress(state);
  state.isReplicationDue = true;
  advanceCommit(state);
  answerReads(state);
  const { transferTarget } = state;
  if (transferTarget !== null && !state.configuration.voters.includes(transferTarget)) {
    state.transferTarget = null;
  }
  if (state.isVoter) {
    state.leavingIndex = null;
  } else if (state.leavingIndex === null) {
    appendOwn(state, [{ type: EntryType.noop, data: new Uint8Array(0) }]);
    state.leavingIndex = state.log.lastIndex;
  }
}

/**
 * A leader that was removed leads, without counting itself, until a quorum of those who stay holds an entry after the
 * change, and so knows that the change is committed. Stepping down earlier could leave a last voter waiting for the vote
 * of the one that left.
 */
export function leaveIfDue(state: RaftState): void {
  const { leavingIndex, log, configuration, nodeId, term } = state;
  if (state.role !== "leader" || leavingIndex === null || log.commitIndex < leavingIndex) {
    return;
  }
  const successor = configuration.voters.find(
    (voter) => state.progress.get(voter)?.match === log.lastIndex,
  );
  if (successor !== undefined) {
    state.outbox.push({ type: "timeoutNow", from: nodeId, to: successor, term });
  }
  becomeFollower(state, term, null);
}
