const initialCapacityBytes = 256;
/** So that the length is one byte. */
const asciiCharactersMax = 64;
const fourGroups = 2 ** 28;

/**
 * Appends fields to a growing buffer. Numbers are little-endian base-128 (LEB128) over the safe integers, because most
 * of what the log carries is small; strings and byte strings are preceded by their length.
 */
export class ByteWriter {
  readonly #capacityBytes: number;
  #buffer: Buffer;
  #length = 0;
  /** Behind what was cut off. */
  #start = 0;

  constructor(capacityBytes = initialCapacityBytes) {
    this.#capacityBytes = capacityBytes;
    this.#buffer = Buffer.allocUnsafe(capacityBytes);
  }

  get sizeBytes(): number {
    return this.#length;
  }

  /** Forgets what was written behind the first `sizeBytes`, for a writer that is used for one record after the other. */
  rewind(sizeBytes: number): void {
    this.#length = sizeBytes;
  }

  get length(): number {
    return this.#length;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
  }

  /** `value` is a safe integer >= 0; what is not becomes the nearest one. */
  number(value: number): void {
    this.#reserve(8);
    let rest = Math.min(Math.max(Math.trunc(value), 0), Number.MAX_SAFE_INTEGER) || 0;
    // Four groups at once, because beyond 31 bits only slow arithmetic is exact.
    while (rest >= fourGroups) {
      const low = rest % fourGroups;
      rest = Math.floor(rest / fourGroups);
      for (let shift = 0; shift < 28; shift += 7) {
        this.#buffer[this.#length++] = ((low >>> shift) & 0x7f) | 0x80;
      }
    }
    while (rest >= 0x80) {
      this.#buffer[this.#length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#buffer[this.#length++] = rest;
  }

  /** UTF-8; a lone surrogate becomes U+FFFD, as everywhere in MQTT it may not occur. */
  string(text: string): void {
    if (text.length < asciiCharactersMax && this.#asciiString(text)) {
      return;
    }
    const sizeBytes = Buffer.byteLength(text);
    this.number(sizeBytes);
    this.#reserve(sizeBytes);
    this.#length += this.#buffer.write(text, this.#length, sizeBytes, "utf8");
  }

  bytes(value: Uint8Array): void {
    this.number(value.length);
    this.#reserve(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
  }

  /** The length of a byte string of which the caller writes the content: to `memory`, from the answer on, before anything else is written. */
  room(sizeBytes: number): number {
    this.number(sizeBytes);
    this.#reserve(sizeBytes);
    const at = this.#length;
    this.#length = at + sizeBytes;
    return at;
  }

  /** Another one whenever it has to grow. */
  get memory(): Buffer {
    return this.#buffer;
  }

  /** What was written; shares memory with the writer, which must not be used again while this is. */
  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /**
   * What was written since the last cut; the writer goes on behind it, and never writes there again: many small records share a piece of
   * memory of the capacity that it was made with, which lives as long as any of them. Not together with `rewind` and `finish`.
   */
  cut(): Buffer {
    const piece = this.#buffer.subarray(this.#start, this.#length);
    this.#start = this.#length;
    return piece;
  }

  /**
   * A copy with memory of its own and no byte to spare: for what lives long. A slice of a pool would keep the whole pool
   * alive for one retained message.
   */
  finishExact(): Buffer {
    return this.finishInto(Buffer.allocUnsafeSlow(this.#length));
  }

  /** A copy in `target`, which has as many bytes. */
  finishInto(target: Buffer): Buffer {
    this.#buffer.copy(target, 0, 0, this.#length);
    return target;
  }

  /** Two calls into native code cost more than the few characters of a topic; false, with nothing written, for others. */
  #asciiString(text: string): boolean {
    this.#reserve(1 + text.length);
    const start = this.#length + 1;
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code >= 0x80) {
        return false;
      }
      this.#buffer[start + at] = code;
    }
    this.#buffer[this.#length] = text.length;
    this.#length = start + text.length;
    return true;
  }

  #reserve(sizeBytes: number): void {
    const needed = this.#length + sizeBytes;
    if (needed <= this.#buffer.length) {
      return;
    }
    if (this.#start > 0) {
      this.#beginAnew(sizeBytes);
      return;
    }
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }

  /** With what is not cut off yet, in memory of the first size. */
  #beginAnew(sizeBytes: number): void {
    const pending = this.#length - this.#start;
    const fresh = Buffer.allocUnsafeSlow(Math.max(pending + sizeBytes, this.#capacityBytes));
    this.#buffer.copy(fresh, 0, this.#start, this.#length);
    this.#buffer = fresh;
    this.#start = 0;
    this.#length = pending;
  }
}
