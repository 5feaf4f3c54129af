/** What is found by its packet identifier. */
export interface Identified {
  readonly packetId: number;
}

/** A power of two; what most clients have under way at once fits. */
const slotsMin = 16;

/**
 * Exchanges under way by packet identifier: a hash table with linear probing, never more than half full. Identifiers are mostly given
 * out in turn, so that each has a place of its own; memory is bounded by how many there are, not by how far apart they lie. A Map
 * costs more where entries come and go all the time, because it is rehashed again and again.
 */
export class PacketIdTable<Entry extends Identified> {
  #slots: (Entry | null)[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(packetId: number): Entry | undefined {
    const slots = this.#slots;
    if (slots.length === 0) return undefined;
    const mask = slots.length - 1;
    for (let at = packetId & mask; ; at = (at + 1) & mask) {
      const entry = slots[at]!;
      if (entry === null) return undefined;
      if (entry.packetId === packetId) return entry;
    }
  }

  has(packetId: number): boolean {
    return this.get(packetId) !== undefined;
  }

  /** Its identifier must not be in use. */
  add(entry: Entry): void {
    if (this.#size * 2 >= this.#slots.length) this.#grow();
    this.#place(entry);
    this.#size += 1;
  }

  delete(packetId: number): void {
    const slots = this.#slots;
    if (slots.length === 0) return;
    const mask = slots.length - 1;
    let free = packetId & mask;
    while (slots[free] !== null && slots[free]!.packetId !== packetId) free = (free + 1) & mask;
    if (slots[free] === null) return;
    slots[free] = null;
    this.#size -= 1;
    // What was pushed past the place that is free now moves back, so that a search may end at an empty one.
    for (let at = (free + 1) & mask; slots[at] !== null; at = (at + 1) & mask) {
      const home = slots[at]!.packetId & mask;
      if (((at - home) & mask) < ((at - free) & mask)) continue;
      slots[free] = slots[at]!;
      slots[at] = null;
      free = at;
    }
  }

  /** In no order that means anything. */
  values(): Entry[] {
    return this.#slots.filter((entry) => entry !== null);
  }

  #place(entry: Entry): void {
    const mask = this.#slots.length - 1;
    let at = entry.packetId & mask;
    while (this.#slots[at] !== null) at = (at + 1) & mask;
    this.#slots[at] = entry;
  }

  #grow(): void {
    const entries = this.values();
    const length = Math.max(slotsMin, this.#slots.length * 2);
    this.#slots = new Array<Entry | null>(length).fill(null);
    for (const entry of entries) this.#place(entry);
  }
}
