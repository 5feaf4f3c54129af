/** Fills a part of known size of a buffer with the fields of MQTT, section 1.5. */
export class ByteWriter {
  readonly bytes: Buffer;
  #at: number;

  /** Writes from `at` on; the caller has made sure that there is room. */
  constructor(bytes: Buffer, at = 0) {
    this.bytes = bytes;
    this.#at = at;
  }

  writeByte(value: number): void {
    this.bytes[this.#at] = value;
    this.#at += 1;
  }

  writeUint16(value: number): void {
    this.bytes[this.#at] = value >> 8;
    this.bytes[this.#at + 1] = value;
    this.#at += 2;
  }

  writeUint32(value: number): void {
    this.#at = this.bytes.writeUInt32BE(value, this.#at);
  }

  writeVariableByteInteger(value: number): void {
    while (value >= 0x80) {
      this.writeByte((value & 0x7f) | 0x80);
      value >>>= 7;
    }
    this.writeByte(value);
  }

  /** At most 65,535 bytes of UTF-8. */
  writeString(value: string): void {
    const sizeBytes = this.bytes.write(value, this.#at + 2);
    this.writeUint16(sizeBytes);
    this.#at += sizeBytes;
  }

  writeBytes(value: Buffer): void {
    this.bytes.set(value, this.#at);
    this.#at += value.length;
  }

  /** For the caller to write: answers where the next `sizeBytes` bytes begin. */
  skip(sizeBytes: number): number {
    const at = this.#at;
    this.#at = at + sizeBytes;
    return at;
  }
}

/** 1 to 4, for a value up to 268,435,455. */
export function variableByteIntegerSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  return value < 0x20_0000 ? 3 : 4;
}
