import { snapshotProblem } from "./config-change.ts";
import { canCampaign, startElection, startPreVote } from "./election.ts";
import { invariant } from "./invariant.ts";
import type { Append, AppendResponse, Heartbeat, SnapshotMessage } from "./messages.ts";
import { becomeFollower } from "./role.ts";
import { hearLeader, type RaftState } from "./state.ts";
import type { Entry, LogIndex, Term } from "./types.ts";

/** Followers and candidates: wait for the leader, then try to become it. */
export function tickFollower(state: RaftState): void {
  state.electionElapsed += 1;
  // Who cannot campaign goes on counting: a learner must stop trusting a silent leader, too, since its vote may be needed.
  if (state.electionElapsed >= state.electionTimeout && canCampaign(state)) {
    startPreVote(state);
  }
}

/** A message of this term's leader; a candidate of the same term has lost. */
export function followLeader(state: RaftState, from: string): void {
  invariant(state.role !== "leader", "a term has one leader", { term: state.term, from });
  if (state.role !== "follower") {
    becomeFollower(state, state.term, from);
  }
  hearLeader(state, from);
}

export function handleAppend(state: RaftState, message: Append): void {
  const { log } = state;
  let { previousIndex, previousTerm, entries } = message;
  checkEntries(message);
  if (previousIndex < log.commitIndex) {
    // What is committed here is in the leader's log too, be it compacted already: compare from there on.
    entries = entries.slice(log.commitIndex - previousIndex);
    previousIndex = log.commitIndex;
    previousTerm = log.termAt(previousIndex)!;
  }
  if (!log.holds(previousIndex, previousTerm)) {
    const hint = log.lastWithTermAtMost(previousIndex, previousTerm);
    state.outbox.push(response(state, message, message.previousIndex, hint));
    return;
  }
  log.merge(entries);
  const lastIndex = previousIndex + entries.length;
  log.commitTo(Math.min(message.commit, lastIndex));
  state.answers.push(response(state, message, lastIndex, null));
}

export function handleHeartbeat(state: RaftState, message: Heartbeat): void {
  state.log.commitTo(message.commit);
  const { nodeId, term } = state;
  const { from, readContext } = message;
  state.outbox.push({ type: "heartbeatResponse", from: nodeId, to: from, term, readContext });
}

/** The driver has staged the whole state; from here on it replaces ours, unless the log holds it already. */
export function handleSnapshot(state: RaftState, message: SnapshotMessage): void {
  const { log } = state;
  const { snapshot } = message;
  const problem = snapshotProblem(snapshot, message.term);
  invariant(problem === null, problem ?? "", { snapshot, from: message.from });
  if (acceptsSnapshot(state, snapshot)) {
    log.install(snapshot);
    state.configurations.restart(snapshot.index, snapshot.configuration);
  } else {
    log.commitTo(snapshot.index);
  }
  state.answers.push(response(state, message, log.commitIndex, null));
}

export function acceptsSnapshot(
  state: RaftState,
  { index, term }: { readonly index: LogIndex; readonly term: Term },
): boolean {
  return index > state.log.commitIndex && !state.log.holds(index, term);
}

export function handleTimeoutNow(state: RaftState): void {
  if (canCampaign(state)) {
    startElection(state, true);
  }
}

function response(
  state: RaftState,
  { from }: Append | SnapshotMessage,
  index: LogIndex,
  hint: { readonly index: LogIndex; readonly term: Term } | null,
): AppendResponse {
  return {
    type: "appendResponse",
    from: state.nodeId,
    to: from,
    term: state.term,
    index,
    rejected: hint !== null,
    hintIndex: hint?.index ?? 0,
    hintTerm: hint?.term ?? 0,
  };
}

function checkEntries({ entries, previousIndex, previousTerm, term }: Append): void {
  let last: Pick<Entry, "index" | "term"> = { index: previousIndex, term: previousTerm };
  for (const entry of entries) {
    const fits = entry.index === last.index + 1 && entry.term >= last.term && entry.term <= term;
    invariant(fits, "an append carries a piece of a log", { index: entry.index });
    last = entry;
  }
}
