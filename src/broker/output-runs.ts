import { type PacketSink, RESERVED_SIZE_BYTES_MAX } from "../mqtt/packet-sink.ts";
import type { TopicBytes } from "../mqtt/topic-bytes.ts";
import type { Gatherer, PassedOn } from "./output-gathering.ts";
import { longestRunSizeBytes, type RunPool } from "./run-pool.ts";

const none: Buffer = Buffer.alloc(0);

/** A run filled to this, and to its half, is lent to the socket; of another one the socket gets a copy, which is no longer than need be. */
const lentSizeBytesMin = 16 * 1024;

/**
 * The output of one client in this turn, in order: small packets next to each other in runs, large ones by reference
 * between them. A burst of small packets so costs one system call and one buffer.
 */
export class OutputRuns implements PacketSink, PassedOn {
  readonly #pool: RunPool;
  readonly #gatherer: Gatherer;
  /** null while there are none. */
  #chunks: Buffer[] | null = null;
  #run: Buffer = none;
  #runSizeBytes = 0;
  #chunksSizeBytes = 0;
  /** Runs among the chunks. */
  #lent: Buffer[] | null = null;
  /**
   * What is being read and goes on as it is, behind the chunks and the run: `passed[passedStart, passedEnd)`. The next packet of the same
   * publisher mostly follows it there, so that many packets are one piece. It is copied when all that came with it is read.
   */
  #passed: Buffer = none;
  #passedStart = 0;
  #passedEnd = 0;
  /** The gatherer calls when it is. */
  #isListed = false;
  /** Some chunks are small and not joined yet. */
  #isShared = false;

  constructor(pool: RunPool, gatherer: Gatherer) {
    this.#pool = pool;
    this.#gatherer = gatherer;
  }

  get sizeBytes(): number {
    return this.#chunksSizeBytes + this.#runSizeBytes + this.#passedEnd - this.#passedStart;
  }

  get bytes(): Buffer {
    return this.#run;
  }

  get topics(): TopicBytes {
    return this.#gatherer.topics;
  }

  passOn(bytes: Buffer, start: number, end: number): void {
    if (bytes === this.#passed && start === this.#passedEnd) {
      this.#passedEnd = end;
      return;
    }
    this.#settle(null);
    if (!this.#isListed) {
      this.#isListed = true;
      this.#gatherer.addPassed(this);
    }
    this.#passed = bytes;
    this.#passedStart = start;
    this.#passedEnd = end;
  }

  reserve(sizeBytes: number): number {
    if (this.#passed !== none) this.#settle(null);
    const at = this.#runSizeBytes;
    const needed = at + sizeBytes;
    if (needed <= this.#run.length) {
      this.#runSizeBytes = needed;
      return at;
    }
    return this.#reserveInNewRun(sizeBytes);
  }

  /**
   * Kept by reference until the end of the turn, so that a burst to many clients is then copied client by client: message
   * by message it would touch the memory of all of them each time.
   */
  share(bytes: Buffer): void {
    this.#settle(null);
    if (this.#run !== none) this.push(bytes);
    else {
      this.#isShared = true;
      this.#add(bytes);
    }
  }

  push(bytes: Buffer): void {
    if (bytes.length <= RESERVED_SIZE_BYTES_MAX) {
      const at = this.reserve(bytes.length);
      this.#run.set(bytes, at);
      return;
    }
    this.#settle(null);
    this.#seal();
    this.#add(bytes);
  }

  /** Everything so far, for the socket to keep; begins anew. */
  take(): readonly Buffer[] {
    this.#settle(null);
    this.#seal();
    const chunks = this.#chunks ?? [];
    this.#chunks = null;
    this.#chunksSizeBytes = 0;
    const isGathered = !this.#isShared;
    this.#isShared = false;
    return isGathered ? chunks : this.#gatherer.gather(chunks);
  }

  /** Of what was taken last: to be called when the socket is done with it. Nothing is lost but memory to use again when it never is. */
  giveBack(): (() => void) | undefined {
    const lent = this.#lent;
    if (lent === null) return undefined;
    this.#lent = null;
    return () => {
      for (const run of lent) this.#pool.give(run);
    };
  }

  settlePassed(sharing: Gatherer | null): void {
    this.#isListed = false;
    this.#settle(sharing);
  }

  #settle(sharing: Gatherer | null): void {
    const bytes = this.#passed;
    if (bytes === none) return;
    const start = this.#passedStart;
    const end = this.#passedEnd;
    this.#passed = none;
    this.#passedStart = 0;
    this.#passedEnd = 0;
    if (sharing !== null && this.#run === none) {
      this.share(sharing.piece(bytes, start, end));
      return;
    }
    const sizeBytes = end - start;
    if (sizeBytes > longestRunSizeBytes) {
      this.push(Buffer.from(bytes.subarray(start, end)));
      return;
    }
    const at = this.reserve(sizeBytes);
    bytes.copy(this.#run, at, start, end);
  }

  /** A run grows up to the longest kind there is; a full one of those is sealed. */
  #reserveInNewRun(sizeBytes: number): number {
    const old = this.#run;
    const filled = this.#runSizeBytes;
    const run = this.#pool.take(filled + sizeBytes);
    const isGrown = filled + sizeBytes <= run.length;
    if (!isGrown) this.#seal();
    else if (old !== none) {
      run.set(old.subarray(0, filled));
      this.#pool.give(old);
    }
    this.#run = run;
    const at = isGrown ? filled : 0;
    this.#runSizeBytes = at + sizeBytes;
    return at;
  }

  #seal(): void {
    const run = this.#run;
    const sizeBytes = this.#runSizeBytes;
    if (run === none) return;
    this.#run = none;
    this.#runSizeBytes = 0;
    if (sizeBytes >= lentSizeBytesMin && sizeBytes * 2 >= run.length) {
      if (this.#lent === null) this.#lent = [run];
      else this.#lent.push(run);
      this.#add(run.subarray(0, sizeBytes));
      return;
    }
    const copy = Buffer.allocUnsafe(sizeBytes);
    run.copy(copy, 0, 0, sizeBytes);
    this.#pool.give(run);
    this.#add(copy);
  }

  #add(bytes: Buffer): void {
    if (this.#chunks === null) this.#chunks = [bytes];
    else this.#chunks.push(bytes);
    this.#chunksSizeBytes += bytes.length;
  }
}
