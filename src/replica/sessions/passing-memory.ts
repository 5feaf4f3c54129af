const pieceSizeBytes = 4096;
/** A record that takes more has memory of its own. */
const sharedSizeBytesMax = pieceSizeBytes / 8;
/** A piece has no more of them, however small they are. */
const recordsPerPieceMax = 128;
/** So many are in use, the newest ones; what stays longer than they last takes memory of its own. */
const piecesMax = 256;

/** What has its bytes here. */
export interface PassingRecord {
  /** Where it is noted; less than 0: nowhere. Belongs to the memory. */
  passingPlace: number;
  /** Its bytes are copied: nothing may refer to the shared memory afterwards. */
  takeOwnMemory(): void;
}

/**
 * Memory for records that soon go again, cut from pieces that they share: memory of its own costs more than all else of a record. One that
 * stays would keep a piece alive, with room for dozens, for as long as its client takes nothing. So each has to leave its piece in the end:
 * 1 MiB is shared at any time, whoever takes what.
 */
export class PassingMemory {
  #piece = Buffer.alloc(0);
  #used = 0;
  /** Of those in use, in a ring: which records are in the piece. */
  readonly #records: (PassingRecord | null)[] = new Array(piecesMax * recordsPerPieceMax).fill(
    null,
  );
  /** The first place of the newest piece, and the next free one. */
  #first = 0;
  #next = 0;

  /** Its content is anything. Call `note` with what it is for. */
  take(sizeBytes: number): Buffer {
    if (sizeBytes > sharedSizeBytesMax) return Buffer.allocUnsafeSlow(sizeBytes);
    const isFull = this.#next - this.#first === recordsPerPieceMax;
    if (isFull || this.#used + sizeBytes > this.#piece.length) this.#begin();
    const start = this.#used;
    this.#used += sizeBytes;
    return this.#piece.subarray(start, this.#used);
  }

  /** `bytes` were taken last, and are those of `record`. */
  note(record: PassingRecord, bytes: Buffer): void {
    if (bytes.buffer !== this.#piece.buffer) return;
    record.passingPlace = this.#next;
    this.#records[this.#next] = record;
    this.#next++;
  }

  /** It goes before anybody asked it to leave. */
  forget(record: PassingRecord): void {
    if (this.#records[record.passingPlace] === record) this.#records[record.passingPlace] = null;
  }

  clear(): void {
    this.#records.fill(null);
  }

  /** Another piece takes the place of the oldest one. */
  #begin(): void {
    this.#piece = Buffer.allocUnsafeSlow(pieceSizeBytes);
    this.#used = 0;
    this.#first = (this.#first + recordsPerPieceMax) % this.#records.length;
    this.#next = this.#first;
    for (let place = this.#first; place < this.#first + recordsPerPieceMax; place++) {
      const record = this.#records[place]!;
      if (record === null) continue;
      this.#records[place] = null;
      record.passingPlace = -1;
      record.takeOwnMemory();
    }
  }
}
