import { ClusterError } from "../errors.ts";

/** Four bytes, big-endian: the length of the frame that follows. */
export const framePrefixSizeBytes = 4;

/**
 * Cuts a stream of bytes back into frames. A frame that lies whole in one piece is handed on as a view of it,
 * valid during the call only; one that spans pieces is assembled in memory of its own.
 */
export class FrameReader {
  readonly #frameSizeBytesMax: number;
  readonly #onFrame: (frame: Uint8Array) => void;
  readonly #prefix = Buffer.alloc(framePrefixSizeBytes);
  #prefixRead = 0;
  /** The frame being assembled; null between frames. */
  #frame: Uint8Array | null = null;
  #frameRead = 0;

  constructor(frameSizeBytesMax: number, onFrame: (frame: Uint8Array) => void) {
    this.#frameSizeBytesMax = frameSizeBytesMax;
    this.#onFrame = onFrame;
  }

  /** Throws `frame-too-large` as soon as the peer announces more than the limit; the stream is useless then. */
  push(piece: Uint8Array): void {
    let offset = 0;
    while (offset < piece.length) {
      if (this.#frame) offset = this.#continueFrame(this.#frame, piece, offset);
      else if (this.#prefixRead > 0 || piece.length - offset < framePrefixSizeBytes) {
        offset = this.#continuePrefix(piece, offset);
      } else offset = this.#readFrame(piece, offset);
    }
  }

  /** True when the bytes so far end with a whole frame. */
  isBetweenFrames(): boolean {
    return this.#frame === null && this.#prefixRead === 0;
  }

  #readFrame(piece: Uint8Array, offset: number): number {
    const size = this.#check(
      ((piece[offset] as number) << 24) |
        ((piece[offset + 1] as number) << 16) |
        ((piece[offset + 2] as number) << 8) |
        (piece[offset + 3] as number),
    );
    const start = offset + framePrefixSizeBytes;
    if (piece.length - start >= size) {
      this.#onFrame(piece.subarray(start, start + size));
      return start + size;
    }
    this.#begin(size);
    return start;
  }

  #continuePrefix(piece: Uint8Array, offset: number): number {
    const wanted = Math.min(framePrefixSizeBytes - this.#prefixRead, piece.length - offset);
    this.#prefix.set(piece.subarray(offset, offset + wanted), this.#prefixRead);
    this.#prefixRead += wanted;
    if (this.#prefixRead === framePrefixSizeBytes) {
      this.#prefixRead = 0;
      const size = this.#check(this.#prefix.readInt32BE(0));
      if (size === 0) this.#onFrame(new Uint8Array(0));
      else this.#begin(size);
    }
    return offset + wanted;
  }

  #continueFrame(frame: Uint8Array, piece: Uint8Array, offset: number): number {
    const wanted = Math.min(frame.length - this.#frameRead, piece.length - offset);
    frame.set(piece.subarray(offset, offset + wanted), this.#frameRead);
    this.#frameRead += wanted;
    if (this.#frameRead === frame.length) {
      this.#frame = null;
      this.#onFrame(frame);
    }
    return offset + wanted;
  }

  #begin(size: number): void {
    this.#frame = new Uint8Array(size);
    this.#frameRead = 0;
  }

  /** `size` is negative when its highest bit is set. */
  #check(size: number): number {
    if (size >= 0 && size <= this.#frameSizeBytesMax) return size;
    const announced = size >>> 0;
    throw new ClusterError(
      "frame-too-large",
      `the peer announced a frame of ${announced} bytes, the limit is ${this.#frameSizeBytesMax}`,
      { sizeBytes: announced, limit: this.#frameSizeBytesMax },
    );
  }
}
