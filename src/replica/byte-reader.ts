/**
 * Reads what {@link ByteWriter} wrote. Never throws: after the first field that does not fit, `isSound` stays false and every
 * field reads as empty, so that a parser checks once, at its end.
 */
export class ByteReader {
  readonly #buffer: Buffer;
  #offset = 0;
  #isSound = true;

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isSound(): boolean {
    return this.#isSound;
  }

  get isAtEnd(): boolean {
    return this.#offset === this.#buffer.length;
  }

  get remainingBytes(): number {
    return this.#buffer.length - this.#offset;
  }

  /** Marks the input as wrong, for a parser that finds a field's value impossible. */
  fail(): void {
    this.#isSound = false;
    this.#offset = this.#buffer.length;
  }

  byte(): number {
    const value = this.#buffer[this.#offset];
    if (value === undefined) {
      this.fail();
      return 0;
    }
    this.#offset++;
    return value;
  }

  number(): number {
    const first = this.#buffer[this.#offset];
    if (first !== undefined && first < 0x80) {
      this.#offset++;
      return first;
    }
    return this.#longNumber();
  }

  string(): string {
    const start = this.#take();
    return start < 0 ? "" : this.#buffer.toString("utf8", start, this.#offset);
  }

  /** Shares memory with the input. */
  bytes(): Buffer {
    const start = this.#take();
    return start < 0 ? this.#buffer.subarray(0, 0) : this.#buffer.subarray(start, this.#offset);
  }

  #longNumber(): number {
    let value = 0;
    let scale = 1;
    for (let position = 0; position < 8; position++) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) {
          break;
        }
        return this.#isSound ? value : 0;
      }
      scale *= 0x80;
    }
    this.fail();
    return 0;
  }

  /** Reads a length and steps over so many bytes; answers where they start, or -1. */
  #take(): number {
    const sizeBytes = this.number();
    if (sizeBytes > this.remainingBytes || !this.#isSound) {
      this.fail();
      return -1;
    }
    const start = this.#offset;
    this.#offset += sizeBytes;
    return start;
  }
}
