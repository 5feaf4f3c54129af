/** What is found by its packet identifier. */
export interface Identified {
  readonly packetId: number;
}

/** A power of two; what most clients have under way at once fits. */
const slotsMin = 16;

/** Half a KiB. A table up to this is left as it is: it would grow again with the next burst, and shrink behind it. */
const slotsKeptMax = 64;

/** 2^32 over the golden ratio: numbers in turn get places far from each other (Knuth, The Art of Computer Programming, 6.4). */
const multiplier = 0x9e3779b1;

/**
 * Exchanges under way by packet identifier: a hash table with linear probing, never more than half full, and a large one is made
 * smaller when less than an eighth is. Identifiers are mostly given out in turn and would stand side by side in one long run, which every removal has to walk;
 * the multiplication lays them out evenly, with gaps between them. Memory is bounded by how many there are, not by how far apart they
 * lie. A Map costs more where entries come and go all the time, because it is rehashed again and again.
 */
export class PacketIdTable<Entry extends Identified> {
  #slots: (Entry | null)[] = [];
  /** The upper bits of the product are the place. */
  #shift = 32;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Places in memory, used or not. */
  get slotCount(): number {
    return this.#slots.length;
  }

  get(packetId: number): Entry | undefined {
    const slots = this.#slots;
    if (slots.length === 0) return undefined;
    const mask = slots.length - 1;
    for (let at = this.#homeOf(packetId); ; at = (at + 1) & mask) {
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
    if (this.#size * 2 >= this.#slots.length) this.#resize(this.#slots.length * 2);
    this.#place(entry);
    this.#size += 1;
  }

  delete(packetId: number): void {
    const slots = this.#slots;
    if (slots.length === 0) return;
    const mask = slots.length - 1;
    let free = this.#homeOf(packetId);
    while (slots[free] !== null && slots[free]!.packetId !== packetId) free = (free + 1) & mask;
    if (slots[free] === null) return;
    slots[free] = null;
    this.#size -= 1;
    // What was pushed past the place that is free now moves back, so that a search may end at an empty one.
    for (let at = (free + 1) & mask; slots[at] !== null; at = (at + 1) & mask) {
      const home = this.#homeOf(slots[at]!.packetId);
      if (((at - home) & mask) < ((at - free) & mask)) continue;
      slots[free] = slots[at]!;
      slots[at] = null;
      free = at;
    }
    if (slots.length > slotsKeptMax && this.#size * 8 < slots.length) {
      this.#resize(slots.length / 2);
    }
  }

  /** In no order that means anything. */
  values(): Entry[] {
    return this.#slots.filter((entry) => entry !== null);
  }

  #homeOf(packetId: number): number {
    return Math.imul(packetId, multiplier) >>> this.#shift;
  }

  #place(entry: Entry): void {
    const mask = this.#slots.length - 1;
    let at = this.#homeOf(entry.packetId);
    while (this.#slots[at] !== null) at = (at + 1) & mask;
    this.#slots[at] = entry;
  }

  #resize(length: number): void {
    const entries = this.values();
    this.#slots = new Array<Entry | null>(Math.max(slotsMin, length)).fill(null);
    this.#shift = 32 - Math.log2(this.#slots.length);
    for (const entry of entries) this.#place(entry);
  }
}
