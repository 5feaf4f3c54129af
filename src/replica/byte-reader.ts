import type { TextMemo } from "./text-memo.ts";

/**
 * Reads what {@link ByteWriter} wrote. Never throws: after the first field that does not fit, `isSound` stays false and every
 * field reads as empty, so that a parser checks once, at its end.
 */
export class ByteReader {
  #buffer: Buffer;
  #offset = 0;
  #end: number;
  #isSound = true;
  readonly #texts: TextMemo | null;

  /** With `texts`, strings that were read lately are not made again. */
  constructor(bytes: Uint8Array, texts: TextMemo | null = null) {
    this.#buffer = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#end = this.#buffer.length;
    this.#texts = texts;
  }

  /** Begins anew with `bytes[start, end)`: for a reader that is used for one record after the other. */
  reset(bytes: Buffer, start: number, end: number): void {
    this.#buffer = bytes;
    this.#offset = start;
    this.#end = end;
    this.#isSound = true;
  }

  get isSound(): boolean {
    return this.#isSound;
  }

  get isAtEnd(): boolean {
    return this.#offset === this.#end;
  }

  get remainingBytes(): number {
    return this.#end - this.#offset;
  }

  /** Marks the input as wrong, for a parser that finds a field's value impossible. */
  fail(): void {
    this.#isSound = false;
    this.#offset = this.#end;
  }

  byte(): number {
    if (this.#offset >= this.#end) {
      this.fail();
      return 0;
    }
    return this.#buffer[this.#offset++] as number;
  }

  number(): number {
    if (this.#offset < this.#end) {
      const first = this.#buffer[this.#offset] as number;
      if (first < 0x80) {
        this.#offset++;
        return first;
      }
    }
    return this.#longNumber();
  }

  string(): string {
    const start = this.#take();
    if (start < 0) return "";
    return this.#texts === null
      ? this.#buffer.toString("utf8", start, this.#offset)
      : this.#texts.read(this.#buffer, start, this.#offset);
  }

  /** As `string`; where it is `expected`, no other one is made. */
  stringLike(expected: string): string {
    const { length } = expected;
    const start = this.#offset + 1;
    // Longer ones have a length of two bytes, and others than ASCII another one than they have characters.
    if (length >= 0x80 || this.#buffer[this.#offset] !== length || start + length > this.#end) {
      return this.string();
    }
    for (let at = 0; at < length; at++) {
      const code = expected.charCodeAt(at);
      if (code >= 0x80 || this.#buffer[start + at] !== code) return this.string();
    }
    this.#offset = start + length;
    return expected;
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
