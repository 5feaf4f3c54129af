import { chunkSizeBytesMax } from "../limits.ts";
import { framePrefixSizeBytes } from "./frame-reader.ts";

/** Where chunks go. False: taken, but nothing more until `FrameWriter.drained()` is called. */
export type ByteSink = (chunk: Uint8Array) => boolean;

export interface FrameWriterOptions {
  readonly queueSizeBytesMax: number;
  readonly endOfTurn: (run: () => void) => void;
}

interface Chunk {
  bytes: Buffer;
  usedBytes: number;
}

const chunkSizeBytesMin = 1024;

/**
 * Turns frames into as few writes as possible: whatever is pushed during one turn of the event loop leaves at its end
 * in chunks of up to 64 KiB; a larger frame is a chunk of its own. While the sink is full, chunks wait here.
 */
export class FrameWriter {
  readonly #queueSizeBytesMax: number;
  readonly #endOfTurn: (run: () => void) => void;
  #sink: ByteSink | null = null;
  #isSinkFull = false;
  #isFlushScheduled = false;
  #isClosed = false;
  #chunks: Chunk[] = [];
  #queuedBytes = 0;
  /** The next chunk starts as large as the last one became: an idle link costs 1 KiB a write, a busy one 64. */
  #startSizeBytes = chunkSizeBytesMin;
  #onEmpty: (() => void) | null = null;

  constructor(options: FrameWriterOptions) {
    this.#queueSizeBytesMax = options.queueSizeBytesMax;
    this.#endOfTurn = options.endOfTurn;
  }

  get queuedSizeBytes(): number {
    return this.#queuedBytes;
  }

  /** Copies the frame. False when the queue is full: nothing was queued. One frame always fits into an empty queue. */
  push(frame: Uint8Array): boolean {
    if (this.#isClosed) return false;
    const sizeBytes = framePrefixSizeBytes + frame.length;
    if (this.#queuedBytes > 0 && this.#queuedBytes + sizeBytes > this.#queueSizeBytesMax) {
      return false;
    }
    const chunk = this.#chunkFor(sizeBytes);
    chunk.bytes.writeUInt32BE(frame.length, chunk.usedBytes);
    chunk.bytes.set(frame, chunk.usedBytes + framePrefixSizeBytes);
    chunk.usedBytes += sizeBytes;
    this.#queuedBytes += sizeBytes;
    if (!this.#isFlushScheduled && this.#sink && !this.#isSinkFull) {
      this.#isFlushScheduled = true;
      this.#endOfTurn(() => {
        this.#isFlushScheduled = false;
        this.flush();
      });
    }
    return true;
  }

  /** The stream is open: what has waited leaves at once. */
  attach(sink: ByteSink): void {
    this.#sink = sink;
    this.flush();
  }

  /** The sink takes chunks again. */
  drained(): void {
    this.#isSinkFull = false;
    this.flush();
  }

  flush(): void {
    let sent = 0;
    while (this.#sink && !this.#isSinkFull && sent < this.#chunks.length) {
      const chunk = this.#chunks[sent++] as Chunk;
      this.#queuedBytes -= chunk.usedBytes;
      if (!this.#sink(chunk.bytes.subarray(0, chunk.usedBytes))) this.#isSinkFull = true;
    }
    if (sent > 0) this.#chunks.splice(0, sent);
    if (this.#queuedBytes === 0) this.#settleEmpty();
  }

  /** Resolves when the sink has taken everything that was pushed, or the writer is closed. */
  whenEmpty(): Promise<void> {
    if (this.#queuedBytes === 0) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const former = this.#onEmpty;
    this.#onEmpty = () => {
      former?.();
      resolve();
    };
    return promise;
  }

  /** Drops what is queued; later frames are refused. */
  close(): void {
    this.#isClosed = true;
    this.#sink = null;
    this.#chunks = [];
    this.#queuedBytes = 0;
    this.#settleEmpty();
  }

  #settleEmpty(): void {
    this.#onEmpty?.();
    this.#onEmpty = null;
  }

  /** A chunk with room for `sizeBytes`, at the end of the queue. */
  #chunkFor(sizeBytes: number): Chunk {
    const last = this.#chunks.at(-1);
    const usedBytes = (last?.usedBytes ?? 0) + sizeBytes;
    if (last && usedBytes <= chunkSizeBytesMax) {
      if (usedBytes > last.bytes.length) this.#grow(last, usedBytes);
      return last;
    }
    const chunk = { bytes: Buffer.allocUnsafe(this.#sizeFor(sizeBytes)), usedBytes: 0 };
    this.#chunks.push(chunk);
    return chunk;
  }

  #grow(chunk: Chunk, usedBytes: number): void {
    const grown = Buffer.allocUnsafe(
      Math.min(chunkSizeBytesMax, Math.max(usedBytes, 2 * chunk.bytes.length)),
    );
    chunk.bytes.copy(grown, 0, 0, chunk.usedBytes);
    chunk.bytes = grown;
    this.#startSizeBytes = grown.length;
  }

  #sizeFor(sizeBytes: number): number {
    if (sizeBytes > chunkSizeBytesMax) return sizeBytes;
    const start = Math.max(this.#startSizeBytes, sizeBytes);
    // Halving forgets a burst after a few quiet turns.
    this.#startSizeBytes = Math.max(chunkSizeBytesMin, this.#startSizeBytes >>> 1);
    return start;
  }
}
