import { leaveIfDue } from "./membership.ts";
import type { Ready } from "./ready.ts";
import { canStartReads, replicate, startReads } from "./replication.ts";
import type { RaftState } from "./state.ts";
import type { Writes } from "./writes.ts";

export function hasReady(state: RaftState, writes: Writes): boolean {
  const isLeaderBusy = state.role === "leader" && (state.isReplicationDue || canStartReads(state));
  return (
    isLeaderBusy ||
    state.outbox.length > 0 ||
    state.answers.length > 0 ||
    state.readStates.length > 0 ||
    state.readsDropped.length > 0 ||
    state.log.hasCommittedToApply ||
    writes.isDue(state)
  );
}

/** What was proposed or committed since the last time leaves in shared messages and one write. */
export function assembleReady(state: RaftState, writes: Writes): Ready {
  if (state.role === "leader") {
    startReads(state);
    replicate(state);
    leaveIfDue(state);
  }
  const write = writes.take(state);
  const ready: Ready = {
    messages: state.outbox,
    write,
    committed: state.log.takeCommitted(state.options.committedBytesPerReadyMax),
    readStates: state.readStates,
    readsDropped: state.readsDropped,
  };
  state.outbox = [];
  state.readStates = [];
  state.readsDropped = [];
  return ready;
}
