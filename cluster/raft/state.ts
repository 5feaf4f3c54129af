import type { NodeId } from "../node-id.ts";
import type { RaftOptions, RaftRestore } from "./api.ts";
import { changeConfiguration, checkConfiguration } from "./config-change.ts";
import { decodeConfigChange } from "./config-change-codec.ts";
import { ConfigurationHistory, isVoter } from "./configuration.ts";
import { invariant } from "./invariant.ts";
import { RaftLog } from "./log.ts";
import type { Message } from "./messages.ts";
import type { Progress } from "./progress.ts";
import { ForwardedReads, LeaderReads } from "./read-index.ts";
import type { ReadState } from "./ready.ts";
import {
  type Configuration,
  EntryType,
  type HardState,
  type LogIndex,
  type Role,
  type Term,
} from "./types.ts";

/**
 * Everything one Raft node knows. Plain fields, changed by the free functions of the role files; `Raft` is the only
 * one that hands it out.
 */
export class RaftState {
  readonly options: RaftOptions;
  readonly nodeId: NodeId;
  readonly log: RaftLog;
  readonly configurations: ConfigurationHistory;
  term: Term;
  vote: NodeId | null;
  role: Role = "follower";
  leader: NodeId | null = null;
  /** The last hard state handed to the disk. */
  writtenHardState: HardState;

  /** Ticks since word of the leader or the start of a campaign; at a leader, since the last check-quorum. */
  electionElapsed = 0;
  electionTimeout = 0;
  /** The link to the leader broke: a campaign is near unless the leader speaks again. */
  isLeaderDoubted = false;
  readonly votes = new Map<NodeId, boolean>();
  readonly forwardedReads: ForwardedReads;

  /** The rest is a leader's, and fresh in every leadership. */
  heartbeatElapsed = 0;
  readonly progress = new Map<NodeId, Progress>();
  reads = new LeaderReads();
  transferTarget: NodeId | null = null;
  /** Ticks since the transfer began. */
  transferElapsed = 0;
  /** A configuration change may stand at or before this index; no other is proposed until it is applied. */
  pendingConfigIndex: LogIndex = 0;
  uncommittedBytes = 0;
  /** A leader that is no voter any more leaves when its successors have committed up to here. */
  leavingIndex: LogIndex | null = null;
  /** Entries or commit news may be due to followers; sent when `ready` is assembled, so that one turn shares messages. */
  isReplicationDue = false;

  /** May leave at once. */
  outbox: Message[] = [];
  /** Leave when everything that this node holds now is durable. */
  answers: Message[] = [];
  readStates: ReadState[] = [];
  readsDropped: number[] = [];

  constructor(options: RaftOptions, restore: RaftRestore) {
    invariant(options.heartbeatTicks >= 1, "a heartbeat takes at least a tick");
    invariant(
      options.electionTicks >= 5 * options.heartbeatTicks,
      "several heartbeats fit into an election timeout",
    );
    this.options = options;
    this.nodeId = options.nodeId;
    const { hardState, snapshot, entries, appliedIndex } = restore;
    this.log = new RaftLog(snapshot, entries, hardState.commit, appliedIndex);
    invariant(this.log.lastTerm <= hardState.term, "no entry is of a later term than the node");
    this.term = hardState.term;
    this.vote = hardState.vote;
    this.writtenHardState = hardState;
    checkConfiguration(snapshot.configuration);
    this.configurations = replayConfigurations(restore);
    this.forwardedReads = new ForwardedReads(Math.floor(options.random() * 2 ** 40));
    drawElectionTimeout(this);
  }

  get configuration(): Configuration {
    return this.configurations.current;
  }

  get isVoter(): boolean {
    return isVoter(this.configuration, this.nodeId);
  }
}

/** Compaction later needs the configuration at any index, so that the path to the present one is walked again. */
function replayConfigurations(restore: RaftRestore): ConfigurationHistory {
  const { snapshot, entries, appliedIndex, configuration } = restore;
  const history = new ConfigurationHistory(snapshot.index, snapshot.configuration);
  for (const entry of entries) {
    if (entry.type === EntryType.configChange && entry.index <= appliedIndex) {
      const change = decodeConfigChange(entry.data);
      const result = changeConfiguration(history.current, change);
      invariant(result.status === "ok", "a logged change fits the configuration before it", {
        index: entry.index,
      });
      history.record(entry.index, result.configuration);
    }
  }
  const sameLists = (["voters", "votersOutgoing", "learners", "learnersNext"] as const).every(
    (list) => configuration[list].join() === history.current[list].join(),
  );
  invariant(sameLists, "the stored configuration is the one that the log leads to", {
    stored: configuration,
    replayed: history.current,
  });
  return history;
}

/** Each wait is drawn anew, so that split votes do not repeat. */
export function drawElectionTimeout(state: RaftState): void {
  const { electionTicks, random } = state.options;
  state.electionTimeout = electionTicks + Math.floor(random() * electionTicks);
  state.isLeaderDoubted = false;
}

export function hearLeader(state: RaftState, from: NodeId): void {
  state.electionElapsed = 0;
  if (state.leader !== from) {
    dropForwardedReads(state);
    state.leader = from;
  }
  if (state.isLeaderDoubted) {
    drawElectionTimeout(state);
  }
}

export function dropForwardedReads(state: RaftState): void {
  state.readsDropped.push(...state.forwardedReads.takeAll());
}

/** Stickiness ends and a campaign comes within one to two heartbeats, well before an election timeout. */
export function forgetLeader(state: RaftState, nodeId: NodeId): void {
  if (state.role !== "follower" || state.leader !== nodeId) {
    return;
  }
  const { heartbeatTicks, random } = state.options;
  dropForwardedReads(state);
  state.leader = null;
  state.electionElapsed = 0;
  state.electionTimeout = heartbeatTicks + Math.floor(random() * (heartbeatTicks + 1));
  state.isLeaderDoubted = true;
}
