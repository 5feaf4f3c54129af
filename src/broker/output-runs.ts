import { type PacketSink, RESERVED_SIZE_BYTES_MAX } from "../mqtt/packet-sink.ts";
import type { RunPool } from "./run-pool.ts";

/** A run this full goes to the socket itself; of an emptier one a copy does, so that little memory waits with it. */
const handedOverSizeBytesMin = 8 * 1024;

const none: Buffer = Buffer.alloc(0);

/**
 * The output of one client in this turn, in order: small packets next to each other in runs, large ones by reference
 * between them. A burst of small packets so costs one system call and one buffer.
 */
export class OutputRuns implements PacketSink {
  readonly #pool: RunPool;
  #chunks: Buffer[] = [];
  #run: Buffer = none;
  #runSizeBytes = 0;
  #chunksSizeBytes = 0;

  constructor(pool: RunPool) {
    this.#pool = pool;
  }

  get sizeBytes(): number {
    return this.#chunksSizeBytes + this.#runSizeBytes;
  }

  get bytes(): Buffer {
    return this.#run;
  }

  reserve(sizeBytes: number): number {
    const at = this.#runSizeBytes;
    const needed = at + sizeBytes;
    if (needed <= this.#run.length) {
      this.#runSizeBytes = needed;
      return at;
    }
    return this.#reserveInNewRun(sizeBytes);
  }

  push(bytes: Buffer): void {
    if (bytes.length <= RESERVED_SIZE_BYTES_MAX) {
      const at = this.reserve(bytes.length);
      this.#run.set(bytes, at);
      return;
    }
    this.#seal();
    this.#chunks.push(bytes);
    this.#chunksSizeBytes += bytes.length;
  }

  /** Everything so far, for the socket to keep; begins anew. */
  take(): readonly Buffer[] {
    this.#seal();
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#chunksSizeBytes = 0;
    return chunks;
  }

  /** A short run grows into a long one; a full long one is sealed, and the next is long at once. */
  #reserveInNewRun(sizeBytes: number): number {
    const filled = this.#runSizeBytes;
    const isGrowing = filled > 0 && this.#run.length < handedOverSizeBytesMin;
    if (!isGrowing) this.#seal();
    const run = this.#pool.take(filled > 0 ? handedOverSizeBytesMin : sizeBytes);
    if (isGrowing) {
      run.set(this.#run.subarray(0, filled));
      this.#pool.give(this.#run);
    }
    this.#run = run;
    const at = isGrowing ? filled : 0;
    this.#runSizeBytes = at + sizeBytes;
    return at;
  }

  #seal(): void {
    const run = this.#run;
    const sizeBytes = this.#runSizeBytes;
    if (run === none) return;
    this.#run = none;
    this.#runSizeBytes = 0;
    const filled = run.subarray(0, sizeBytes);
    if (sizeBytes >= handedOverSizeBytesMin) this.#chunks.push(filled);
    else {
      const copy = Buffer.allocUnsafe(sizeBytes);
      copy.set(filled);
      this.#chunks.push(copy);
      this.#pool.give(run);
    }
    this.#chunksSizeBytes += sizeBytes;
  }
}
