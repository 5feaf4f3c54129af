/** A loop is faster than the call up to about here. */
const copiedByHandSizeBytesMax = 64;

/** The UTF-8 of the topic that was written last, which is mostly the topic of the next message, too. */
export class TopicBytes {
  #topic = "";
  #bytes: Buffer = Buffer.alloc(0);
  #sizeBytes = 0;

  /** Answers how many bytes the topic takes. */
  encode(topic: string): number {
    if (topic === this.#topic) return this.#sizeBytes;
    // A UTF-16 code unit takes three bytes at most.
    const needed = topic.length * 3;
    if (this.#bytes.length < needed) this.#bytes = Buffer.allocUnsafeSlow(needed);
    this.#sizeBytes = this.#bytes.write(topic);
    this.#topic = topic;
    return this.#sizeBytes;
  }

  /** Writes the topic that was encoded last to `target`, where there is room from `start` on. */
  copyTo(target: Buffer, start: number): void {
    const bytes = this.#bytes;
    const sizeBytes = this.#sizeBytes;
    if (sizeBytes > copiedByHandSizeBytesMax) {
      bytes.copy(target, start, 0, sizeBytes);
      return;
    }
    for (let at = 0; at < sizeBytes; at += 1) target[start + at] = bytes[at]!;
  }
}
