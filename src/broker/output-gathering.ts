import { TopicBytes } from "../mqtt/topic-bytes.ts";

/** Buffers of up to this size are copied together; larger ones go by reference. */
const smallSizeBytes = 2048;
const runSizeBytesMax = 64 * 1024;
const none: Buffer = Buffer.alloc(0);
/** Different outputs that are remembered at once. */
const rememberedMax = 16;

interface Gathered {
  readonly chunks: readonly Buffer[];
  readonly runs: readonly Buffer[];
}

/** Output that has a part of what is being read. */
export interface PassedOn {
  /** `sharing`: others may have the same part. */
  settlePassed(sharing: Gatherer | null): void;
}

/**
 * Joins neighbouring small buffers into runs, so that a burst of small packets costs one system call and one buffer
 * instead of one entry in a vector each. Order is kept. Clients that get the very same buffers, as the subscribers of one topic
 * do, share the runs: they are joined once.
 */
export class Gatherer {
  /** For those who write into runs. */
  readonly topics = new TopicBytes();
  /** By the first buffer. */
  readonly #remembered = new Map<Buffer, Gathered>();
  readonly #passed: PassedOn[] = [];
  /** A copy of the part of what was received that was asked for last, `#from[#start, #end)`. */
  #piece: Buffer = none;
  #from: Buffer = none;
  #start = 0;
  #end = 0;

  /** The caller does not change `chunks` any more, and nobody writes into what is answered. */
  gather(chunks: readonly Buffer[]): readonly Buffer[] {
    if (chunks.length < 2) return chunks;
    const first = chunks[0]!;
    const known = this.#remembered.get(first);
    if (known !== undefined && areSame(known.chunks, chunks)) return known.runs;
    const runs = joined(chunks);
    if (this.#remembered.size >= rememberedMax) this.#remembered.clear();
    this.#remembered.set(first, { chunks, runs });
    return runs;
  }

  /** `output` has something of what is being read. */
  addPassed(output: PassedOn): void {
    this.#passed.push(output);
  }

  /** What was read is over: those who were passed something of it take it over, a part that several of them have as one. */
  settlePassed(): void {
    const outputs = this.#passed;
    if (outputs.length === 0) return;
    if (outputs.length === 1) outputs[0]!.settlePassed(null);
    else for (const output of outputs) output.settlePassed(this);
    outputs.length = 0;
    this.#from = none;
    this.#piece = none;
  }

  /** A copy of `bytes[start, end)`, the same for those who ask for the same. */
  piece(bytes: Buffer, start: number, end: number): Buffer {
    const isKnown = bytes === this.#from && start === this.#start && end === this.#end;
    if (!isKnown) {
      this.#from = bytes;
      this.#start = start;
      this.#end = end;
      this.#piece = Buffer.allocUnsafe(end - start);
      bytes.copy(this.#piece, 0, start, end);
    }
    return this.#piece;
  }

  /** At the end of a turn: what was joined is on its way. */
  forget(): void {
    if (this.#remembered.size > 0) this.#remembered.clear();
  }
}

function areSame(one: readonly Buffer[], other: readonly Buffer[]): boolean {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
}

function joined(chunks: readonly Buffer[]): readonly Buffer[] {
  const runs: Buffer[] = [];
  let start = 0;
  while (start < chunks.length) {
    let end = start;
    let sizeBytes = 0;
    while (end < chunks.length) {
      const chunk = chunks[end]!;
      if (chunk.length > smallSizeBytes || sizeBytes + chunk.length > runSizeBytesMax) break;
      sizeBytes += chunk.length;
      end++;
    }
    if (end - start < 2) {
      runs.push(chunks[start]!);
      start++;
      continue;
    }
    const run = Buffer.allocUnsafe(sizeBytes);
    let offset = 0;
    for (; start < end; start++) {
      const chunk = chunks[start]!;
      run.set(chunk, offset);
      offset += chunk.length;
    }
    runs.push(run);
  }
  return runs;
}
