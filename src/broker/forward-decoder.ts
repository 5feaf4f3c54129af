import { ByteReader } from "../replica/byte-reader.ts";
import { readMessageBody } from "../replica/message-codec.ts";
import { TextMemo } from "../replica/text-memo.ts";
import { type ForwardFrame, forwardFlags, forwardFormatVersion } from "./forward-codec.ts";

const knownFlags = forwardFlags.plain | forwardFlags.passedOn;
const sharesMax = 10_000;
const noShares: readonly string[] = [];
/** Messages lie one behind the other in pieces of memory of this size; one that is kept keeps its piece. */
const slabSizeBytes = 8 * 1024;
/** A larger one has memory of its own. */
const slabFrameSizeBytesMax = slabSizeBytes / 4;

/** Reads what other nodes send. This runs for every message between nodes, so that what comes again is not made again. */
export class ForwardDecoder {
  readonly #texts: TextMemo;
  readonly #reader: ByteReader;
  #slab = Buffer.alloc(0);
  #slabUsedBytes = 0;

  /** Remembers about so many topics and client identifiers; a power of two. */
  constructor(textsMax: number) {
    this.#texts = new TextMemo(textsMax);
    this.#reader = new ByteReader(this.#slab, this.#texts);
  }

  /** Null for anything else. The message has memory of its own, because the frame's belongs to the link. */
  decode(frame: Uint8Array): ForwardFrame | null {
    const reader = this.#copy(frame);
    const version = reader.byte();
    const flags = reader.byte();
    const shareCount = reader.number();
    if (version !== forwardFormatVersion || (flags & ~knownFlags) !== 0 || shareCount > sharesMax) {
      return null;
    }
    const shares = shareCount === 0 ? noShares : readShares(reader, shareCount);
    const topic = reader.string();
    const messageVersion = reader.number();
    const message = readMessageBody(reader, topic, messageVersion);
    if (!reader.isSound || !reader.isAtEnd || topic === "") return null;
    const isPlain = (flags & forwardFlags.plain) !== 0;
    return { message, isPlain, shares, isPassedOn: (flags & forwardFlags.passedOn) !== 0 };
  }

  #copy(frame: Uint8Array): ByteReader {
    if (frame.length > slabFrameSizeBytesMax) {
      return new ByteReader(Buffer.from(frame), this.#texts);
    }
    if (this.#slabUsedBytes + frame.length > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(slabSizeBytes);
      this.#slabUsedBytes = 0;
    }
    const start = this.#slabUsedBytes;
    this.#slab.set(frame, start);
    this.#slabUsedBytes = start + frame.length;
    this.#reader.reset(this.#slab, start, this.#slabUsedBytes);
    return this.#reader;
  }
}

function readShares(reader: ByteReader, count: number): readonly string[] {
  const shares: string[] = [];
  for (let at = 0; at < count && reader.isSound; at++) shares.push(reader.string());
  return shares;
}
