/** Reads LevelDB's variable-length integers and length-prefixed strings; a value beyond the end is a RangeError. */
export class ByteReader {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 10; count++) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new RangeError("integer beyond the end");
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
    throw new RangeError("integer too long");
  }

  skip(sizeBytes: number): void {
    if (this.#at + sizeBytes > this.#bytes.length) throw new RangeError("field beyond the end");
    this.#at += sizeBytes;
  }

  skipString(): void {
    this.skip(this.varint());
  }
}
