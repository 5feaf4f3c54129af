import type { NodeId } from "../node-id.ts";
import type {
  ConfigChangeResult,
  ProposeResult,
  RaftCore,
  RaftOptions,
  RaftRestore,
} from "./api.ts";
import { canCampaign, startPreVote } from "./election.ts";
import { acceptsSnapshot, tickFollower } from "./follower.ts";
import { appliedByLeader, proposeCommands, startTransfer, tickLeader } from "./leader.ts";
import { applyChange, proposeChange } from "./membership.ts";
import type { Message } from "./messages.ts";
import { isInStepAlone, requestReadIndex } from "./reads.ts";
import type { RaftStatus, Ready } from "./ready.ts";
import { assembleReady, hasReady } from "./ready-assembly.ts";
import { forgetLeader, RaftState } from "./state.ts";
import { statusOf } from "./status.ts";
import { stepMessage } from "./step.ts";
import type { ConfigChange, Configuration, LogIndex, SnapshotPoint } from "./types.ts";
import { Writes } from "./writes.ts";

/**
 * One node of a Raft group (Ongaro's thesis; the shape is that of etcd's core). It has no clock, no disk and no
 * network; its driver owes it four things, after every call that may have changed something:
 *
 * 1. Take `ready()` while `hasReady()`, and send its `messages` in order to the nodes named. A message may be lost,
 *    doubled or late; `reportUnreachable` says so where that is known. A `snapshot` message stands for a transfer: the
 *    driver sends the state at its own durable applied index, and always ends with `reportSnapshot`.
 * 2. Hand `write` to one ordered stream to the disk. When it is durable call `writeDone(id)`, in order, and only then
 *    send the write's own `messages`: they are promises that rest on it. A crash may lose any tail of the stream.
 * 3. Apply `committed` in order, after the write of the same `Ready` was handed over; call `applyConfigChange` for each
 *    configChange entry, `applied` for the last of them, and `compact` when enough of what is durably applied piled up.
 * 4. Call `tick()` in even steps of time, and read waiting messages first after a stall; hand incoming messages to
 *    `step`, a snapshot's only when the whole of it is staged.
 *
 * A throw means that a rule of consensus was broken: end the process. Pre-Vote, Check-Quorum and stickiness are always on.
 */
export class Raft implements RaftCore {
  readonly #state: RaftState;
  readonly #writes = new Writes();

  constructor(options: RaftOptions, restore: RaftRestore) {
    this.#state = new RaftState(options, restore);
  }

  tick(): void {
    const state = this.#state;
    (state.role === "leader" ? tickLeader : tickFollower)(state);
  }

  step(message: Message): void {
    stepMessage(this.#state, message);
  }

  /** `index` is that of the first entry; the others follow it without a gap. */
  propose(data: readonly Uint8Array[]): ProposeResult {
    return proposeCommands(this.#state, data);
  }

  proposeConfigChange(change: ConfigChange): ConfigChangeResult {
    return proposeChange(this.#state, change);
  }

  applyConfigChange(change: ConfigChange, index: LogIndex): Configuration {
    return applyChange(this.#state, change, index);
  }

  readIndex(requestId: number): void {
    requestReadIndex(this.#state, requestId);
  }

  /** True when a read may be answered from what is applied here now, without asking anybody. */
  isInStepAlone(): boolean {
    return isInStepAlone(this.#state);
  }

  /** False when this node does not lead or `to` is not another voter. Ends with the term or after an election timeout. */
  transferLeadership(to: NodeId): boolean {
    return startTransfer(this.#state, to);
  }

  leaderUnreachable(nodeId: NodeId): void {
    forgetLeader(this.#state, nodeId);
  }

  reportUnreachable(nodeId: NodeId): void {
    const progress = this.#state.progress.get(nodeId);
    if (progress?.state === "replicate") {
      progress.becomeProbe();
    }
  }

  reportSnapshot(nodeId: NodeId, outcome: "finished" | "failed"): void {
    this.#state.progress.get(nodeId)?.snapshotEnded(outcome === "finished");
  }

  /** Begins with Pre-Vote; nothing happens where a campaign makes no sense (leader, learner, change not yet applied). */
  campaign(): void {
    if (canCampaign(this.#state)) {
      startPreVote(this.#state);
    }
  }

  hasReady(): boolean {
    return hasReady(this.#state, this.#writes);
  }

  ready(): Ready {
    return assembleReady(this.#state, this.#writes);
  }

  writeDone(writeId: number): void {
    this.#writes.done(this.#state, writeId);
  }

  applied(index: LogIndex): void {
    this.#state.log.appliedTo(index);
    appliedByLeader(this.#state);
  }

  compact(index: LogIndex): SnapshotPoint {
    const { log, configurations } = this.#state;
    configurations.compactTo(log.compactTo(index));
    return { index: log.baseIndex, term: log.baseTerm, configuration: configurations.base };
  }

  acceptsSnapshot(snapshot: SnapshotPoint): boolean {
    return acceptsSnapshot(this.#state, snapshot);
  }

  /** A view of the moment: read what is needed and do not keep it. */
  status(): RaftStatus {
    return statusOf(this.#state);
  }
}
