import type { ChannelHandler } from "../broker/channel.ts";
import type { BriefMemory } from "../mqtt/brief-memory.ts";
import { copyOfRead, isSmall } from "./read-slab.ts";

const NONE = Buffer.alloc(0);

/** What a socket has just read, in the memory that all sockets read into; copied when somebody wants to keep something of it, else never. */
export class ReadMemory implements BriefMemory {
  #bytes: Buffer = NONE;
  #own: Buffer | null = null;

  get bytes(): Buffer {
    return this.#bytes;
  }

  own(bytes: Buffer): Buffer {
    if (bytes !== this.#bytes) return bytes;
    this.#own ??= copyOfRead(bytes, 0, bytes.length);
    return this.#own;
  }

  /** A small one of much is copied alone, since one that waits for a slow client would keep alive all that was read with it. */
  ownPart(bytes: Buffer, start: number, end: number): Buffer {
    const isAlone = bytes === this.#bytes && isSmall(end - start) && !isSmall(bytes.length);
    if (isAlone) return copyOfRead(bytes, start, end);
    return this.own(bytes).subarray(start, end);
  }

  /** `handler` hears of the first `sizeBytes` of `buffer`, which is written into again behind this. */
  use(buffer: Buffer, sizeBytes: number, handler: Pick<ChannelHandler, "receivedBriefly">): void {
    this.#bytes = sizeBytes === buffer.length ? buffer : buffer.subarray(0, sizeBytes);
    try {
      handler.receivedBriefly(this);
    } finally {
      this.#bytes = NONE;
      this.#own = null;
    }
  }
}
