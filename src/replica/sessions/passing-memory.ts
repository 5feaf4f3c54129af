const pieceSizeBytes = 4096;
/** A record that takes more has memory of its own. */
const sharedSizeBytesMax = pieceSizeBytes / 8;

/**
 * Memory for records that soon go again, cut from pieces that they share: memory of its own costs more than all else of a record. One that
 * stays keeps a piece alive, so the pieces are small.
 */
export class PassingMemory {
  #piece = Buffer.alloc(0);
  #used = 0;

  /** Its content is anything. */
  take(sizeBytes: number): Buffer {
    if (sizeBytes > sharedSizeBytesMax) return Buffer.allocUnsafeSlow(sizeBytes);
    if (this.#used + sizeBytes > this.#piece.length) {
      this.#piece = Buffer.allocUnsafeSlow(pieceSizeBytes);
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += sizeBytes;
    return this.#piece.subarray(start, this.#used);
  }
}
