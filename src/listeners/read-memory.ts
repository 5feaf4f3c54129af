import type { ChannelHandler } from "../broker/channel.ts";
import type { BriefMemory } from "../mqtt/brief-memory.ts";
import { copyOfRead, isSmall } from "./read-slab.ts";

const NONE = Buffer.alloc(0);

/** What a socket has just read, in the memory that all sockets read into; copied when somebody wants to keep something of it, else never. */
export class ReadMemory implements BriefMemory {
  #bytes: Buffer = NONE;
  /** The same at the same place, for good. */
  #own: Buffer | null = null;
  /** What a part of it would keep alive. */
  #keptSizeBytes = 0;

  get bytes(): Buffer {
    return this.#bytes;
  }

  /** A small one of much is copied alone, since one that waits for a slow client would keep alive all that was read with it. */
  ownPart(bytes: Buffer, start: number, end: number): Buffer {
    if (bytes !== this.#bytes) return bytes.subarray(start, end);
    const isAlone = isSmall(end - start) && !isSmall(this.#keptSizeBytes);
    return isAlone ? copyOfRead(bytes, start, end) : this.#whole().subarray(start, end);
  }

  keep(): BriefMemory {
    const kept = new ReadMemory();
    kept.#hold(this.#whole());
    return kept;
  }

  /** `handler` hears of the first `sizeBytes` of `buffer`, which is written into again behind this. */
  use(buffer: Buffer, sizeBytes: number, handler: ReadHandler): void {
    this.#bytes = sizeBytes === buffer.length ? buffer : buffer.subarray(0, sizeBytes);
    this.#keptSizeBytes = sizeBytes;
    this.#tell(handler);
  }

  /** The same with bytes that nobody writes into again: who keeps them needs no copy, who keeps a small part of them does. */
  useGiven(bytes: Buffer, handler: ReadHandler): void {
    this.#hold(bytes);
    this.#tell(handler);
  }

  #whole(): Buffer {
    this.#own ??= copyOfRead(this.#bytes, 0, this.#bytes.length);
    return this.#own;
  }

  #hold(bytes: Buffer): void {
    this.#bytes = bytes;
    this.#own = bytes;
    this.#keptSizeBytes = bytes.buffer.byteLength;
  }

  #tell(handler: ReadHandler): void {
    try {
      handler.received(this);
    } finally {
      this.#bytes = NONE;
      this.#own = null;
    }
  }
}

type ReadHandler = Pick<ChannelHandler, "received">;
