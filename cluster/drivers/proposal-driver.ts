import type { AgreedState, AppliedBatch } from "../agreed/agreed-state.ts";
import { OriginGate } from "../agreed/origin-gate.ts";
import { applicationCommand, ProposalLane } from "../agreed/proposal-lane.ts";
import type { ProposalOutcome } from "../cluster-api.ts";
import { ClusterError } from "../errors.ts";
import { Histogram, latencyBoundsSeconds } from "../histogram.ts";
import { logLimits } from "../log-limits.ts";
import type { NodeId } from "../node-id.ts";
import type { Cancel, Clock, Counters } from "../ports.ts";
import type { RaftCore } from "../raft/api.ts";
import { defaultGroup } from "../raft/types.ts";
import { Channel, type Transport } from "../transport/transport.ts";
import {
  type BatchHeader,
  checkBatch,
  readBatchHeader,
  stampBatch,
  type TaggedCommand,
} from "../wire/batch-codec.ts";
import { ControlKind } from "../wire/frame-kinds.ts";

export interface ProposalDriverOptions {
  readonly nodeId: NodeId;
  readonly incarnation: number;
  readonly transport: Transport;
  readonly raft: RaftCore;
  readonly agreed: AgreedState;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly schedule: () => void;
}

const roundMs = 50;
/** Batches under way for this long without any being applied are sent again. */
const resendAfterMs = 500;

/**
 * Carries this node's commands to the leader of the moment, and, on the leader, batches of all nodes into the log.
 */
export class ProposalDriver {
  /** Seconds from a proposal until it is applied on this node. */
  readonly latency = new Histogram(latencyBoundsSeconds);
  readonly #options: ProposalDriverOptions;
  readonly #lane: ProposalLane;
  readonly #gate = new OriginGate();
  #gateTerm = 0;
  #leader: NodeId | null = null;
  #leaderTerm = 0;
  /** While it is set nothing is sent: the leader refused a batch, and what follows that one would leave a gap. */
  #pause: Cancel | null = null;
  #isScheduled = false;
  #isStopped = false;
  #lastProgressMs = 0;
  #timer: Cancel | null = null;

  constructor(options: ProposalDriverOptions) {
    this.#options = options;
    this.#lane = new ProposalLane({
      nodeId: options.nodeId,
      incarnation: options.incarnation,
      batchSizeBytesMax: logLimits.batchSizeBytesMax,
      batchesInflightMax: logLimits.batchesInflightMax,
      batchesUngatheredMax: logLimits.batchesUngatheredMax,
      gatheredSizeBytes: logLimits.gatheredSizeBytes,
      pendingSizeBytesMax: logLimits.pendingSizeBytesMax,
      commandSizeBytesMax: logLimits.commandSizeBytesMax,
    });
  }

  get pendingSizeBytes(): number {
    return this.#lane.pendingSizeBytes;
  }

  /** The first batch goes out even when nobody proposes: it tells the others that this node started anew. */
  start(): void {
    this.#lastProgressMs = this.#options.clock.monotonicMs();
    this.#scheduleFlush();
    this.#scheduleRound();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.();
    this.#pause?.();
    this.#lane.close();
  }

  /** What was proposed so far is told its outcome by nobody: the results would be those of a wrong state. */
  forgetCallers(): void {
    this.#lane.forgetCallers();
  }

  propose(bytes: Uint8Array, timeoutMs: number, done: (outcome: ProposalOutcome) => void): void {
    this.#add(applicationCommand(bytes), timeoutMs, done);
  }

  proposeInternal(command: TaggedCommand, timeoutMs: number): Promise<ProposalOutcome> {
    return new Promise((resolve) => {
      this.#add(command, timeoutMs, resolve);
    });
  }

  #add(command: TaggedCommand, timeoutMs: number, done: (outcome: ProposalOutcome) => void): void {
    const { clock } = this.#options;
    const proposedAtMs = clock.monotonicMs();
    let isInCall = true;
    this.#lane.add(command, proposedAtMs + timeoutMs, (outcome) => {
      // What is applied together was applied at the last progress: the clock is read once for all of it.
      if (outcome.status === "applied") {
        this.latency.observe((this.#lastProgressMs - proposedAtMs) / 1000);
      }
      // Refusals come at once; callers are promised that `done` never runs inside their own call.
      if (isInCall) clock.endOfTurn(() => done(outcome));
      else done(outcome);
    });
    isInCall = false;
    this.#scheduleFlush();
  }

  /** Role, term or leader changed. */
  roleChanged(): void {
    const { leader, term } = this.#options.raft.status();
    if (term !== this.#gateTerm) {
      this.#gateTerm = term;
      this.#gate.reset();
    }
    if (leader === this.#leader && term === this.#leaderTerm) return;
    this.#leader = leader;
    this.#leaderTerm = term;
    this.#rewind();
  }

  /** The link to a node came back: what was sent over the old one may be lost. */
  linkUp(nodeId: NodeId): void {
    if (nodeId === this.#leader) this.#rewind();
  }

  applied(batch: AppliedBatch, index: number): void {
    const { nodeId, incarnation, clock } = this.#options;
    if (batch.origin !== nodeId || batch.incarnation !== incarnation) return;
    this.#lastProgressMs = clock.monotonicMs();
    this.#lane.applied(batch, index);
    this.#scheduleFlush();
  }

  /**
   * A committed batch was ignored. If that was for a gap before it, the gate must let the missing ones in, be they older than
   * what it remembers.
   */
  ignored({ origin, incarnation, seq }: BatchHeader): void {
    const progress = this.#options.agreed.progressOf(origin);
    if (incarnation > progress.incarnation || seq > progress.lastSeq) this.#gate.forget(origin);
  }

  /** The state was replaced by a snapshot. */
  stateReplaced(): void {
    const { nodeId, incarnation, agreed } = this.#options;
    const progress = agreed.progressOf(nodeId);
    if (progress.incarnation === incarnation) this.#lane.appliedUnseen(progress.lastSeq);
    this.#scheduleFlush();
  }

  /** A batch of another node, for this node if it leads. */
  onProposal(from: NodeId, payload: Uint8Array): void {
    if (payload[0] !== defaultGroup) {
      throw new ClusterError("frame-malformed", "proposal of unknown group", { from });
    }
    const batch = payload.subarray(1);
    // What is committed is applied everywhere: a batch that cannot be read would end every node.
    checkBatch(batch);
    if (readBatchHeader(batch).origin !== from) {
      throw new ClusterError("frame-malformed", "proposal of another node", { from });
    }
    const verdict = this.#append(batch);
    if (verdict === "refused") {
      this.#options.transport.send(
        from,
        Channel.control,
        Uint8Array.of(ControlKind.proposalReply, defaultGroup),
      );
    }
  }

  /** The leader could not take a batch: send again, but not at once. */
  onProposalReply(from: NodeId): void {
    if (from !== this.#leader) return;
    this.#options.counters.add("proposals_refused");
    this.#later();
  }

  #append(batch: Uint8Array): "taken" | "refused" {
    const { raft, agreed, clock, schedule } = this.#options;
    const header = readBatchHeader(batch);
    const verdict = this.#gate.admits(header, agreed.progressOf(header.origin));
    if (verdict === "repetition") return "taken";
    if (verdict === "gap") return "refused";
    const timeMs = Math.max(clock.wallMs(), agreed.timeMs());
    const result = raft.propose([stampBatch(batch, timeMs)]);
    if (result.status === "rejected") return "refused";
    this.#gate.appended(header);
    schedule();
    return "taken";
  }

  #rewind(): void {
    if (this.#isStopped) return;
    this.#pause?.();
    this.#pause = null;
    this.#lane.rewind();
    this.#scheduleFlush();
  }

  #scheduleFlush(): void {
    if (this.#isScheduled || this.#isStopped) return;
    this.#isScheduled = true;
    this.#options.clock.endOfTurn(() => {
      this.#isScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    const leader = this.#leader;
    if (leader === null || this.#isStopped || this.#pause !== null) return;
    const { nodeId, transport } = this.#options;
    for (const batch of this.#lane.takeFrames()) {
      if (leader === nodeId) {
        if (this.#append(batch) === "refused") return this.#later();
        continue;
      }
      const frame = Buffer.allocUnsafe(2 + batch.byteLength);
      frame[0] = ControlKind.proposal;
      frame[1] = defaultGroup;
      frame.set(batch, 2);
      if (transport.send(leader, Channel.control, frame) !== "queued") return this.#later();
    }
  }

  /** A batch could not be taken now: it and what follows go again, once, in a moment. */
  #later(): void {
    this.#pause ??= this.#options.clock.after(roundMs, () => {
      this.#pause = null;
      this.#rewind();
    });
  }

  #scheduleRound(): void {
    this.#timer = this.#options.clock.after(roundMs, () => {
      if (this.#isStopped) return;
      const nowMs = this.#options.clock.monotonicMs();
      this.#lane.expire(nowMs);
      if (this.#lane.inflightBatches === 0) this.#lastProgressMs = nowMs;
      if (nowMs - this.#lastProgressMs > resendAfterMs) {
        this.#lastProgressMs = nowMs;
        this.#options.counters.add("proposals_resent");
        // The term's memory would turn a resent batch away although the first copy may have been lost on the way.
        this.#rewind();
      }
      this.#scheduleRound();
    });
  }
}
