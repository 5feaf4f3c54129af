const partCount = 64;
const prime = 0x01000193;

/**
 * Topic -> slot, in many small maps: a map that grows moves all its entries at once, and with a million of them the event loop stands for
 * a tenth of a second.
 */
export class TopicSlots {
  readonly #parts = Array.from({ length: partCount }, () => new Map<string, number>());
  #size = 0;
  /** A write asks for its topic four times. */
  readonly #latest = { topic: "", part: this.#parts[0]! };

  get size(): number {
    return this.#size;
  }

  /** Of the largest map. */
  get largestPart(): number {
    return Math.max(...this.#parts.map(({ size }) => size));
  }

  get(topic: string): number | undefined {
    return this.#partOf(topic).get(topic);
  }

  /** It must not be among them. */
  add(topic: string, slot: number): void {
    this.#partOf(topic).set(topic, slot);
    this.#size++;
  }

  /** It must be among them. */
  delete(topic: string): void {
    this.#partOf(topic).delete(topic);
    this.#size--;
  }

  clear(): void {
    for (const part of this.#parts) part.clear();
    this.#size = 0;
  }

  #partOf(topic: string): Map<string, number> {
    if (this.#latest.topic === topic) return this.#latest.part;
    let hash = 0;
    for (let at = 0; at < topic.length; at++) {
      hash = Math.imul(hash ^ topic.charCodeAt(at), prime);
    }
    const part = this.#parts[(hash ^ (hash >>> 15)) & (partCount - 1)]!;
    this.#latest.topic = topic;
    this.#latest.part = part;
    return part;
  }
}
