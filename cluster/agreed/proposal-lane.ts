import type { ProposalOutcome } from "../cluster-api.ts";
import type { NodeId } from "../node-id.ts";
import { CommandTag, encodeBatch, type TaggedCommand } from "../wire/batch-codec.ts";
import type { AppliedBatch } from "./agreed-state.ts";

type Settle = (outcome: ProposalOutcome) => void;

interface Waiting {
  readonly command: TaggedCommand;
  readonly deadlineMs: number;
  /** Null once the caller was told "unknown". */
  settle: Settle | null;
}

interface SentBatch {
  readonly seq: number;
  readonly frame: Uint8Array;
  readonly waiting: readonly Waiting[];
}

export interface ProposalLaneOptions {
  readonly nodeId: NodeId;
  readonly incarnation: number;
  readonly batchSizeBytesMax: number;
  readonly batchesInflightMax: number;
  /** With so many batches under way a further one waits until it is worth an entry of its own... */
  readonly batchesUngatheredMax: number;
  /** ...which is when so many bytes wait. */
  readonly gatheredSizeBytes: number;
  readonly pendingSizeBytesMax: number;
  readonly commandSizeBytesMax: number;
}

/**
 * One node's ordered lane of commands into the log. Batches are numbered; the replicated state applies number n+1 only
 * after n, and each once, so that the lane may send everything again whenever a leader changed or a link broke (go-back-N).
 * Hence: applied in the order proposed, exactly once, and a caller that gave up was told "unknown", never "no".
 */
export class ProposalLane {
  readonly #options: ProposalLaneOptions;
  #pending: Waiting[] = [];
  #pendingSizeBytes = 0;
  /** Those of them that are in no batch yet. */
  #waitingSizeBytes = 0;
  #inflight: SentBatch[] = [];
  #nextSeq = 1;
  #sentUpTo = 0;
  #isClosed = false;

  constructor(options: ProposalLaneOptions) {
    this.#options = options;
  }

  get inflightBatches(): number {
    return this.#inflight.length;
  }

  get pendingSizeBytes(): number {
    return this.#pendingSizeBytes;
  }

  get isIdle(): boolean {
    return this.#inflight.length === 0 && this.#pending.length === 0;
  }

  /** `settle` is called at once when the command is refused, else when its batch was applied or `deadlineMs` passed. */
  add(command: TaggedCommand, deadlineMs: number, settle: Settle): void {
    const sizeBytes = command.bytes.byteLength;
    if (this.#isClosed) return settle({ status: "rejected", reason: "stopped" });
    if (sizeBytes > this.#options.commandSizeBytesMax) {
      return settle({ status: "rejected", reason: "too-large" });
    }
    if (this.#pendingSizeBytes + sizeBytes > this.#options.pendingSizeBytesMax) {
      return settle({ status: "rejected", reason: "overloaded" });
    }
    this.#pending.push({ command, deadlineMs, settle });
    this.#pendingSizeBytes += sizeBytes;
    this.#waitingSizeBytes += sizeBytes;
  }

  /**
   * Forms batches of what waits, as far as the window allows, and hands out those not yet sent to the leader
   * of the moment, in order. The first batch of an incarnation may be empty: it announces the start.
   */
  takeFrames(): readonly Uint8Array[] {
    while (this.#isBatchDue()) this.#inflight.push(this.#formBatch());
    const frames: Uint8Array[] = [];
    for (const batch of this.#inflight) {
      if (batch.seq > this.#sentUpTo) frames.push(batch.frame);
    }
    this.#sentUpTo = this.#inflight.at(-1)?.seq ?? this.#sentUpTo;
    return frames;
  }

  /** The leader changed, refused, or was silent: everything not yet applied will be sent again. */
  rewind(): void {
    this.#sentUpTo = (this.#inflight[0]?.seq ?? this.#nextSeq) - 1;
  }

  /** A batch of this node and incarnation was applied here. */
  applied(batch: AppliedBatch, index: number): void {
    const sent = this.#inflight.shift();
    if (sent === undefined || sent.seq !== batch.seq) {
      throw new Error(`applied batch ${batch.seq} is not the oldest in flight (${sent?.seq})`);
    }
    for (let i = 0; i < sent.waiting.length; i++) {
      const waiting = sent.waiting[i] as Waiting;
      this.#pendingSizeBytes -= waiting.command.bytes.byteLength;
      waiting.settle?.({ status: "applied", index, result: batch.results[i] });
      waiting.settle = null;
    }
  }

  /**
   * The state jumped past batches in flight (a snapshot was installed): those up to `lastSeq` were applied, but their
   * results are not known here.
   */
  appliedUnseen(lastSeq: number): void {
    while (this.#inflight.length > 0 && (this.#inflight[0] as SentBatch).seq <= lastSeq) {
      const sent = this.#inflight.shift() as SentBatch;
      for (const waiting of sent.waiting) {
        this.#pendingSizeBytes -= waiting.command.bytes.byteLength;
        waiting.settle?.({ status: "unknown", reason: "timeout" });
        waiting.settle = null;
      }
    }
    this.rewind();
  }

  /** Tells callers whose time is up. What is already numbered stays in the lane, since later batches need it. */
  expire(nowMs: number): void {
    for (const batch of this.#inflight) {
      for (const waiting of batch.waiting) expireOne(waiting, nowMs);
    }
    if (!this.#pending.some((waiting) => waiting.deadlineMs <= nowMs)) return;
    const kept: Waiting[] = [];
    for (const waiting of this.#pending) {
      if (waiting.deadlineMs > nowMs) {
        kept.push(waiting);
        continue;
      }
      // Never sent, so it would be honest to say "rejected"; "unknown" keeps the callers' rule simple: time out, do not ack.
      this.#pendingSizeBytes -= waiting.command.bytes.byteLength;
      this.#waitingSizeBytes -= waiting.command.bytes.byteLength;
      expireOne(waiting, nowMs);
    }
    this.#pending = kept;
  }

  /** Callers hear "unknown" at once; their commands travel on, and later ones are still taken. */
  forgetCallers(): void {
    const batched = this.#inflight.flatMap((batch) => batch.waiting);
    for (const waiting of [...batched, ...this.#pending]) {
      const { settle } = waiting;
      waiting.settle = null;
      settle?.({ status: "unknown", reason: "stopped" });
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const waiting of this.#pending)
      waiting.settle?.({ status: "rejected", reason: "stopped" });
    for (const batch of this.#inflight) {
      for (const waiting of batch.waiting)
        waiting.settle?.({ status: "unknown", reason: "stopped" });
    }
    this.#pending = [];
    this.#waitingSizeBytes = 0;
    this.#inflight = [];
  }

  /**
   * An entry costs about as much as fifty writes, on every node. So what comes while others are under way is gathered until one of
   * them is applied, and shares the next entry, unless there is enough of it already. Nothing waits when nothing is under way.
   */
  #isBatchDue(): boolean {
    const { batchesInflightMax, batchesUngatheredMax, gatheredSizeBytes } = this.#options;
    if (this.#pending.length === 0) return this.#nextSeq === 1 && this.#inflight.length === 0;
    const inflight = this.#inflight.length;
    if (inflight >= batchesInflightMax) return false;
    return inflight < batchesUngatheredMax || this.#waitingSizeBytes >= gatheredSizeBytes;
  }

  #formBatch(): SentBatch {
    let sizeBytes = 0;
    let count = 0;
    while (count < this.#pending.length) {
      sizeBytes += (this.#pending[count] as Waiting).command.bytes.byteLength;
      if (count > 0 && sizeBytes > this.#options.batchSizeBytesMax) break;
      count++;
    }
    const waiting = this.#pending.splice(0, count);
    for (const { command } of waiting) this.#waitingSizeBytes -= command.bytes.byteLength;
    const seq = this.#nextSeq++;
    const frame = encodeBatch({
      origin: this.#options.nodeId,
      incarnation: this.#options.incarnation,
      seq,
      timeMs: 0,
      commands: waiting.map((entry) => entry.command),
    });
    return { seq, frame, waiting };
  }
}

function expireOne(waiting: Waiting, nowMs: number): void {
  if (waiting.deadlineMs > nowMs || waiting.settle === null) return;
  const settle = waiting.settle;
  waiting.settle = null;
  settle({ status: "unknown", reason: "timeout" });
}

/** An application command as the lane takes it. */
export function applicationCommand(bytes: Uint8Array): TaggedCommand {
  return { tag: CommandTag.application, bytes };
}
