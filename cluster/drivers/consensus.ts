import type { AgreedState } from "../agreed/agreed-state.ts";
import type { LogWindowLimits } from "../agreed/log-window.ts";
import type { FlowLimits } from "../log-limits.ts";
import type { NodeId } from "../node-id.ts";
import type { ClusterTimings } from "../options.ts";
import type { Clock, Counters, Log, Random } from "../ports.ts";
import type { RaftStatus } from "../raft/ready.ts";
import type { Configuration } from "../raft/types.ts";
import type { ClusterStorage, StorageRestore } from "../storage/storage.ts";
import type { LinkEvent, Transport } from "../transport/transport.ts";
import { LeadershipDriver } from "./leadership-driver.ts";
import { MembershipDriver } from "./membership-driver.ts";
import { ProposalDriver } from "./proposal-driver.ts";
import { RaftDriver } from "./raft-driver.ts";
import { ReadBarriers } from "./read-barriers.ts";
import { SnapshotDriver } from "./snapshot-driver.ts";

export interface ConsensusOptions {
  readonly nodeId: NodeId;
  readonly clusterId: string;
  readonly incarnation: number;
  readonly restore: StorageRestore;
  readonly storage: ClusterStorage;
  readonly transport: Transport;
  readonly agreed: AgreedState;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly counters: Counters;
  readonly timings: ClusterTimings;
  readonly votersMax: number;
  readonly snapshotBytesPerSecondMax?: number | undefined;
  readonly logWindow: LogWindowLimits;
  /** Left out: those of `logLimits`. */
  readonly flow?: FlowLimits | undefined;
  readonly stateOf: (nodeId: NodeId) => "up" | "suspect" | "down";
  /** A configuration is in force now: members or voters changed. */
  readonly onConfigured: (configuration: Configuration) => void;
  readonly onRoleChanged: (status: RaftStatus) => void;
  readonly onFatal: (error: Error) => void;
}

/** Who has heard nothing of its leader, or of its followers, for this many election timeouts does not claim to have a quorum. */
const quorumElectionTimeouts = 4;

/** Everything of a node that has to do with its log: what goes in, what comes out, who leads, who votes. */
export class Consensus {
  readonly driver: RaftDriver;
  readonly proposals: ProposalDriver;
  readonly reads: ReadBarriers;
  readonly snapshots: SnapshotDriver;
  readonly membership: MembershipDriver;
  readonly leadership: LeadershipDriver;
  readonly #options: ConsensusOptions;

  constructor(options: ConsensusOptions) {
    this.#options = options;
    const { timings, clock } = options;
    this.driver = new RaftDriver({
      ...options,
      tickMs: timings.tickMs,
      heartbeatTicks: timings.heartbeatTicks,
      electionTicks: timings.electionTicks,
      handlers: {
        batchApplied: (batch, index) => this.proposals.applied(batch, index),
        batchIgnored: (header) => this.proposals.ignored(header),
        advanced: () => this.reads.applied(),
        configured: (configuration) => {
          options.onConfigured(configuration);
          this.membership.changed();
        },
        roleChanged: () => this.#roleChanged(),
        readConfirmed: (requestId, index) => this.reads.confirmed(requestId, index),
        readDropped: (requestId) => this.reads.dropped(requestId),
        snapshotWanted: (to, term) => this.snapshots.wanted(to, term),
        stateReplaced: () => this.#stateReplaced(),
        fatal: options.onFatal,
      },
    });
    const { raft } = this.driver;
    const schedule = (): void => this.driver.schedule();
    this.proposals = new ProposalDriver({ ...options, raft, schedule });
    this.reads = new ReadBarriers(clock, options.counters, {
      readIndex: (requestId) => {
        raft.readIndex(requestId);
        schedule();
      },
      appliedIndex: () => this.driver.appliedIndex,
    });
    this.snapshots = new SnapshotDriver({
      ...options,
      raft,
      schedule,
      step: (message) => this.driver.step(message),
      cutIndex: () => this.driver.cutIndex,
    });
    this.membership = new MembershipDriver({ ...options, raft, schedule });
    this.leadership = new LeadershipDriver({
      ...options,
      raft,
      schedule,
      membership: this.membership,
    });
  }

  status(): RaftStatus {
    return this.driver.raft.status();
  }

  start(): void {
    this.driver.start();
    this.proposals.start();
    this.membership.start();
    const { voters } = this.status().configuration;
    if (voters.length === 1 && voters[0] === this.#options.nodeId) {
      // A single voter need not wait for an election timeout.
      this.driver.raft.campaign();
      this.driver.schedule();
    }
  }

  stop(): void {
    this.membership.stop();
    this.snapshots.stop();
    this.proposals.stop();
    this.reads.close();
    this.driver.stop();
  }

  /** The content of this node is wrong: no read is confirmed, no result told and no snapshot sent from now on. */
  withdraw(): void {
    this.reads.close();
    this.snapshots.stop();
    this.proposals.forgetCallers();
  }

  onLink(event: LinkEvent): void {
    if (event.type === "up") {
      this.proposals.linkUp(event.nodeId);
      return;
    }
    const { raft } = this.driver;
    this.driver.linkDown(event.nodeId);
    raft.reportUnreachable(event.nodeId);
    if (event.reason === "reset") raft.leaderUnreachable(event.nodeId);
    this.driver.schedule();
  }

  gauges(): readonly (readonly [string, number])[] {
    const status = this.status();
    return [
      ["raft_term", status.term],
      ["raft_commit_index", status.commitIndex],
      ["raft_applied_index", status.appliedIndex],
      ["raft_last_index", status.lastIndex],
      ["raft_is_leader", status.role === "leader" ? 1 : 0],
      ["raft_voters", status.configuration.voters.length],
      ["raft_learners", status.configuration.learners.length],
      ["proposals_pending_bytes", this.proposals.pendingSizeBytes],
      ["reads_waiting", this.reads.waiting],
    ];
  }

  /** How long ago this replica held everything that was committed; Infinity when that is not known. */
  stalenessMs(): number {
    return Math.max(0, this.#options.clock.monotonicMs() - this.driver.inStepMs);
  }

  hasQuorum(): boolean {
    const { clock, timings } = this.#options;
    const silentMs = clock.monotonicMs() - this.driver.contactMs;
    return (
      this.status().leader !== null &&
      silentMs < quorumElectionTimeouts * timings.tickMs * timings.electionTicks
    );
  }

  #roleChanged(): void {
    this.proposals.roleChanged();
    this.membership.changed();
    this.#options.onRoleChanged(this.status());
  }

  #stateReplaced(): void {
    this.proposals.stateReplaced();
    this.snapshots.installed();
    this.reads.applied();
  }
}
