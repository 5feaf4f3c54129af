import type { LogIndex } from "../../raft/types.ts";
import { chainSizeBytes } from "./record.ts";

const capacityMin = 1024;

/**
 * Chain and size of every entry in the log, in memory: appending behind a truncation needs the chain in the middle.
 * 24 bytes an entry; as long as the log, whose length the compaction bounds.
 */
export class LogTable {
  /** Index of the entry the log starts behind; its chain is kept as slot 0. */
  #base: LogIndex;
  #last: LogIndex;
  #chains: Uint8Array;
  /** Bytes of all records since this table was made, up to and including the slot. */
  #ends: Float64Array;

  constructor(base: LogIndex, chain: Uint8Array) {
    this.#base = base;
    this.#last = base;
    this.#chains = new Uint8Array(capacityMin * chainSizeBytes);
    this.#ends = new Float64Array(capacityMin);
    this.#chains.set(chain, 0);
  }

  get baseIndex(): LogIndex {
    return this.#base;
  }

  get lastIndex(): LogIndex {
    return this.#last;
  }

  get sizeBytes(): number {
    return this.#ends[this.#last - this.#base]! - this.#ends[0]!;
  }

  /** A view that the next change may overwrite. `index` from baseIndex to lastIndex. */
  chainAt(index: LogIndex): Uint8Array {
    const start = this.#startOf(index);
    return this.#chains.subarray(start, start + chainSizeBytes);
  }

  /** As records have it that stand beside the log. */
  chainHexAt(index: LogIndex): string {
    const { buffer } = this.#chains;
    return Buffer.from(buffer, this.#startOf(index), chainSizeBytes).toString("hex");
  }

  append(chain: Uint8Array, recordSizeBytes: number): void {
    const slot = this.#last + 1 - this.#base;
    if (slot === this.#ends.length) this.#resize(0, slot * 2);
    this.#chains.set(chain, slot * chainSizeBytes);
    this.#ends[slot] = this.#ends[slot - 1]! + recordSizeBytes;
    this.#last++;
  }

  /** Drops everything behind `index`. */
  truncateTo(index: LogIndex): void {
    if (index < this.#last) this.#last = Math.max(index, this.#base);
  }

  /** Drops everything up to and including `index`, whose chain becomes the start. */
  dropThrough(index: LogIndex): void {
    const slots = Math.min(index, this.#last) - this.#base;
    if (slots <= 0) return;
    const kept = this.#last - this.#base - slots + 1;
    this.#resize(slots, Math.max(capacityMin, kept * 2));
    this.#base += slots;
  }

  #startOf(index: LogIndex): number {
    if (index < this.#base || index > this.#last) {
      throw new RangeError(`no chain at ${index} in ${this.#base}..${this.#last}`);
    }
    return (index - this.#base) * chainSizeBytes;
  }

  #resize(fromSlot: number, capacity: number): void {
    const slots = this.#last - this.#base + 1;
    const chains = new Uint8Array(capacity * chainSizeBytes);
    chains.set(this.#chains.subarray(fromSlot * chainSizeBytes, slots * chainSizeBytes));
    const ends = new Float64Array(capacity);
    ends.set(this.#ends.subarray(fromSlot, slots));
    this.#chains = chains;
    this.#ends = ends;
  }
}
