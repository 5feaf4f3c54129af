import type { RecordHash } from "./digest.ts";

const slabSizeBytes = 262_144;
/** A record that takes more has memory of its own. */
const sharedSizeBytesMax = slabSizeBytes / 4;
/** Places count in these. */
const unitBytes = 8;
const unitsPerSlab = slabSizeBytes / unitBytes;

/** In front of each record, in words of 32 bits. */
const header = { slot: 0, capacityBytes: 1, sizeBytes: 2, low: 3, high: 4, change: 5 } as const;
const headerSizeBytes = 24;
const gone = -1;

interface Slab {
  readonly bytes: Buffer;
  readonly words: Int32Array;
  filledBytes: number;
  liveBytes: number;
}

/**
 * Many records in few large pieces of memory: an object and a buffer for each would take several times what is in them. A record is known by
 * its slot, a small number that is used again when it is gone. Where a quarter of a piece is garbage, the rest of it moves.
 */
export class RecordSlabs {
  #slabs: (Slab | null)[] = [];
  #freePlaces: number[] = [];
  /** Where records are added. */
  #current = -1;
  /** By slot: which slab, and where in it. */
  #places = new Uint32Array(1024);
  #slotCount = 0;
  #freeSlots: number[] = [];
  /** Records that were added or replaced, modulo 2^32. */
  #changes = 0;

  /** All memory, with what is free in it. */
  get sizeBytes(): number {
    return this.#slabs.reduce((sum, slab) => sum + (slab?.bytes.length ?? 0), 0);
  }

  /** Where changes stand now; see `isChangedSince`. It goes on over `clear`. */
  get changes(): number {
    return this.#changes;
  }

  /** Answers its slot. */
  add(value: Uint8Array, hash: RecordHash): number {
    const slot = this.#freeSlots.pop() ?? this.#slotCount++;
    if (slot === this.#places.length) {
      const places = new Uint32Array(slot * 2);
      places.set(this.#places);
      this.#places = places;
    }
    this.#write(slot, value, hash);
    return slot;
  }

  replace(slot: number, value: Uint8Array, hash: RecordHash): void {
    const place = this.#places[slot]!;
    const slab = this.#slabs[slabOf(place)]!;
    const offset = offsetOf(place);
    const capacityBytes = slab.words[(offset >> 2) + header.capacityBytes]!;
    const neededBytes = capacityFor(value);
    if (neededBytes <= capacityBytes && neededBytes >= capacityBytes - (capacityBytes >> 2)) {
      this.#fill(slab, offset, slot, capacityBytes, value, hash);
      return;
    }
    // In this order: making room may move what is there.
    this.#free(place);
    this.#write(slot, value, hash);
  }

  delete(slot: number): void {
    this.#free(this.#places[slot]!);
    this.#freeSlots.push(slot);
  }

  /** Shares memory: good until the next change. */
  view(slot: number): Buffer {
    const place = this.#places[slot]!;
    const { bytes, words } = this.#slabs[slabOf(place)]!;
    const offset = offsetOf(place);
    const start = offset + headerSizeBytes;
    return bytes.subarray(start, start + words[(offset >> 2) + header.sizeBytes]!);
  }

  hashOf(slot: number): RecordHash {
    const place = this.#places[slot]!;
    const { words } = this.#slabs[slabOf(place)]!;
    const word = offsetOf(place) >> 2;
    return { low: words[word + header.low]!, high: words[word + header.high]! };
  }

  sizeOf(slot: number): number {
    return this.#word(slot, header.sizeBytes);
  }

  /** Whether it was written after `changes` stood there; sure for the 2^31 changes that follow. */
  isChangedSince(slot: number, changes: number): boolean {
    return ((this.#word(slot, header.change) - changes) | 0) > 0;
  }

  clear(): void {
    this.#slabs = [];
    this.#freePlaces = [];
    this.#current = -1;
    this.#places = new Uint32Array(1024);
    this.#slotCount = 0;
    this.#freeSlots = [];
  }

  #write(slot: number, value: Uint8Array, hash: RecordHash): void {
    const capacityBytes = capacityFor(value);
    const place = this.#reserve(capacityBytes);
    this.#fill(this.#slabs[slabOf(place)]!, offsetOf(place), slot, capacityBytes, value, hash);
    this.#places[slot] = place;
  }

  #fill(
    { bytes, words }: Slab,
    offset: number,
    slot: number,
    capacityBytes: number,
    value: Uint8Array,
    hash: RecordHash,
  ): void {
    this.#changes = (this.#changes + 1) | 0;
    const word = offset >> 2;
    words[word + header.slot] = slot;
    words[word + header.capacityBytes] = capacityBytes;
    words[word + header.sizeBytes] = value.length;
    words[word + header.low] = hash.low;
    words[word + header.high] = hash.high;
    words[word + header.change] = this.#changes;
    bytes.set(value, offset + headerSizeBytes);
  }

  #word(slot: number, field: number): number {
    const place = this.#places[slot]!;
    return this.#slabs[slabOf(place)]!.words[(offsetOf(place) >> 2) + field]!;
  }

  #reserve(capacityBytes: number): number {
    if (capacityBytes > sharedSizeBytesMax) {
      const index = this.#addSlab(capacityBytes);
      return take(this.#slabs[index]!, index, capacityBytes);
    }
    for (;;) {
      const current = this.#slabs[this.#current];
      if (current && current.filledBytes + capacityBytes <= slabSizeBytes) {
        return take(current, this.#current, capacityBytes);
      }
      const full = this.#current;
      this.#current = this.#addSlab(slabSizeBytes);
      this.#tidy(full);
    }
  }

  #addSlab(sizeBytes: number): number {
    const bytes = Buffer.allocUnsafeSlow(sizeBytes);
    const words = new Int32Array(bytes.buffer, bytes.byteOffset, sizeBytes >> 2);
    const index = this.#freePlaces.pop() ?? this.#slabs.length;
    this.#slabs[index] = { bytes, words, filledBytes: 0, liveBytes: 0 };
    return index;
  }

  #free(place: number): void {
    const index = slabOf(place);
    const slab = this.#slabs[index]!;
    const word = offsetOf(place) >> 2;
    slab.words[word + header.slot] = gone;
    slab.liveBytes -= slab.words[word + header.capacityBytes]!;
    if (index !== this.#current) this.#tidy(index);
  }

  /** Moves what is left of a slab to where records are added, when it is no more than three quarters. */
  #tidy(index: number): void {
    const slab = this.#slabs[index];
    if (!slab || slab.liveBytes > slab.filledBytes - (slab.filledBytes >> 2)) return;
    const { words, bytes } = slab;
    let offset = 0;
    while (slab.liveBytes > 0 && offset < slab.filledBytes) {
      const slot = words[(offset >> 2) + header.slot]!;
      const capacityBytes = words[(offset >> 2) + header.capacityBytes]!;
      if (slot !== gone) {
        const place = this.#reserve(capacityBytes);
        bytes.copy(
          this.#slabs[slabOf(place)]!.bytes,
          offsetOf(place),
          offset,
          offset + capacityBytes,
        );
        this.#places[slot] = place;
        slab.liveBytes -= capacityBytes;
      }
      offset += capacityBytes;
    }
    this.#slabs[index] = null;
    this.#freePlaces.push(index);
  }
}

function take(slab: Slab, index: number, capacityBytes: number): number {
  const place = index * unitsPerSlab + slab.filledBytes / unitBytes;
  slab.filledBytes += capacityBytes;
  slab.liveBytes += capacityBytes;
  return place;
}

function capacityFor(value: Uint8Array): number {
  return Math.ceil((headerSizeBytes + value.length) / unitBytes) * unitBytes;
}

function slabOf(place: number): number {
  return Math.floor(place / unitsPerSlab);
}

function offsetOf(place: number): number {
  return (place % unitsPerSlab) * unitBytes;
}
