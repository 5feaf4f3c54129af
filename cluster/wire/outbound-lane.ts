import { Fifo } from "../fifo.ts";
import {
  BatchFlag,
  batchFlags,
  batchHeaderSizeBytes,
  recordHeaderSizeBytesMax,
  setBatchFlags,
  writeBatchHeader,
  writeRecord,
} from "./forward-frames.ts";

export interface OutboundLaneLimits {
  readonly batchSizeBytesMax: number;
  readonly slabSizeBytes: number;
  readonly frameSizeBytesMax: number;
  readonly keptSizeBytesMax: number;
  readonly keptFramesMax: number;
}

/** `no-link` and `slow` only for frames delivered at most once. */
export type OfferOutcome = "queued" | "no-link" | "slow" | "full" | "too-large";

export interface Batch {
  readonly bytes: Uint8Array;
  readonly frames: number;
  /** 0: it need not arrive. */
  readonly seq: number;
}

interface KeptBatch extends Batch {
  bytes: Uint8Array;
  /** It left once, on a link that is gone; the bytes may still be in somebody's hands. */
  isResent: boolean;
}

/**
 * The sender's side of a lane: one order for all frames to one peer. Frames are copied once, into the batch of the turn; a batch that
 * must arrive is kept until the peer confirms it, and goes out again when a new link says where the peer stands.
 */
export class OutboundLane {
  readonly #limits: OutboundLaneLimits;
  #isLinked = false;
  /** The peer said where it stands; nothing leaves before. */
  #isReady = false;
  /** The next batch that must arrive is the first since then. */
  #isResuming = false;
  #nextSeq = 1;

  /** The batch that is being filled: `#start` to `#end` of the slab; empty when they are equal. */
  #slab = Buffer.alloc(0);
  #start = 0;
  #end = 0;
  #openFrames = 0;
  #openMustArrive = false;

  /** Sealed and not yet taken by the transport. */
  #backlog = new Fifo<KeptBatch>();
  /** Taken by the transport and not yet confirmed. */
  readonly #sent = new Fifo<KeptBatch>();
  #keptSizeBytes = 0;
  #keptFrames = 0;

  constructor(limits: OutboundLaneLimits) {
    this.#limits = limits;
  }

  /** Bytes in memory for this peer, sent or not. */
  get keptSizeBytes(): number {
    return this.#keptSizeBytes;
  }

  get keptFrames(): number {
    return this.#keptFrames;
  }

  get isLinked(): boolean {
    return this.#isLinked;
  }

  /** The peer has said on this link where it stands. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** A batch is full or waiting, and may leave. */
  get hasNext(): boolean {
    return this.#isReady && this.#backlog.length > 0;
  }

  offer(frame: Uint8Array, isAtLeastOnce: boolean): OfferOutcome {
    const { keptSizeBytesMax, keptFramesMax, frameSizeBytesMax } = this.#limits;
    if (frame.length > frameSizeBytesMax) return "too-large";
    if (!isAtLeastOnce) {
      if (!this.#isLinked) return "no-link";
      if (this.hasNext || this.#keptSizeBytes > keptSizeBytesMax / 2) return "slow";
    }
    const keptSizeBytes = this.#keptSizeBytes + frame.length + recordHeaderSizeBytesMax;
    if (keptSizeBytes > keptSizeBytesMax || this.#keptFrames >= keptFramesMax) {
      return isAtLeastOnce ? "full" : "slow";
    }
    this.#reserve(frame.length + recordHeaderSizeBytesMax);
    const before = this.#end;
    this.#end = writeRecord(this.#slab, this.#end, frame, isAtLeastOnce);
    this.#keptSizeBytes += this.#end - before;
    this.#keptFrames += 1;
    this.#openFrames += 1;
    if (isAtLeastOnce) this.#openMustArrive = true;
    return "queued";
  }

  /** Closes the batch of this turn. */
  seal(): void {
    if (this.#openFrames === 0) return;
    const seq = this.#openMustArrive ? this.#nextSeq++ : 0;
    writeBatchHeader(this.#slab, this.#start, seq);
    const bytes = this.#slab.subarray(this.#start, this.#end);
    this.#backlog.push({ bytes, frames: this.#openFrames, seq, isResent: false });
    this.#start = this.#end;
    this.#openFrames = 0;
    this.#openMustArrive = false;
  }

  /** What to hand to the transport now; null when nothing may leave. The bytes never change afterwards. */
  next(): Batch | null {
    const batch = this.#isReady ? this.#backlog.peek() : undefined;
    if (batch === undefined) return null;
    const flags =
      (batch.isResent ? BatchFlag.resent : 0) |
      (this.#isResuming && batch.seq > 0 ? BatchFlag.resumed : 0);
    if (batchFlags(batch.bytes) !== flags) {
      if (batch.isResent) batch.bytes = Buffer.from(batch.bytes);
      setBatchFlags(batch.bytes, flags);
    }
    return batch;
  }

  /** The transport took what `next` gave. */
  taken(): void {
    const batch = this.#backlog.shift();
    if (batch === undefined) return;
    if (batch.seq === 0) {
      this.#release(batch);
    } else {
      this.#isResuming = false;
      this.#sent.push(batch);
    }
  }

  /** The peer has delivered all batches up to `seq`. */
  confirm(seq: number): void {
    for (let batch = this.#sent.peek(); batch && batch.seq <= seq; batch = this.#sent.peek()) {
      this.#sent.shift();
      this.#release(batch);
    }
  }

  /** A link opened; `resume` follows when the peer has said where it stands. Answers like `linkDown`. */
  linkUp(): number {
    const dropped = this.#isLinked ? this.linkDown() : 0;
    this.#isLinked = true;
    return dropped;
  }

  /** Answers how many frames were dropped because they are delivered at most once. */
  linkDown(): number {
    this.#isLinked = false;
    this.#isReady = false;
    this.seal();
    this.#requeue();
    const droppedBefore = this.#keptFrames;
    const backlog = this.#backlog.drain();
    for (const batch of backlog) {
      if (batch.seq > 0) this.#backlog.push(batch);
      else this.#release(batch);
    }
    return droppedBefore - this.#keptFrames;
  }

  /** The peer stands at `lastSeq`: what it has not got goes out, again where needed, in order. */
  resume(lastSeq: number): void {
    this.#requeue();
    for (const batch of this.#backlog.drain()) {
      if (batch.seq > 0 && batch.seq <= lastSeq) this.#release(batch);
      else this.#backlog.push(batch);
    }
    this.#isReady = this.#isLinked;
    this.#isResuming = true;
  }

  /** What is sent and not confirmed stands before what was not sent. */
  #requeue(): void {
    if (this.#sent.length === 0) return;
    const waiting = this.#backlog.drain();
    for (const batch of this.#sent.drain()) {
      batch.isResent = true;
      this.#backlog.push(batch);
    }
    for (const batch of waiting) this.#backlog.push(batch);
  }

  /** Makes room for a record in the open batch, or opens one. */
  #reserve(sizeBytes: number): void {
    if (this.#openFrames > 0) {
      const isOver = this.#end - this.#start + sizeBytes > this.#limits.batchSizeBytesMax;
      if (!isOver && this.#end + sizeBytes <= this.#slab.length) return;
      this.seal();
    }
    const neededSizeBytes = batchHeaderSizeBytes + sizeBytes;
    if (this.#start + neededSizeBytes > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(Math.max(this.#limits.slabSizeBytes, neededSizeBytes));
      this.#start = 0;
    }
    this.#end = this.#start + batchHeaderSizeBytes;
    this.#keptSizeBytes += batchHeaderSizeBytes;
  }

  #release(batch: Batch): void {
    this.#keptSizeBytes -= batch.bytes.length;
    this.#keptFrames -= batch.frames;
  }
}
