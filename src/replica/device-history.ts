import type { HistoryValue } from "../api/ports.ts";

/** How much of the past a node keeps. Not part of the replicated state: nodes may differ. */
export interface HistoryBounds {
  /** Values of one attribute, the current one included. */
  readonly valuesMax: number;
  /** Of all attributes together; beyond, one history after the other loses its older half. */
  readonly sizeBytesMax: number;
}

export const defaultHistoryBounds: HistoryBounds = {
  valuesMax: 100,
  sizeBytesMax: 256 * 1024 * 1024,
};

/** Of a value beside its text: two numbers, the place in the list, and what a string costs by itself. */
const valueOverheadBytes = 40;

/** The last values of one attribute, the oldest first, in a ring. What is no number or literal is kept as JSON text. */
export class AttributeHistory {
  #kept: (string | number | boolean | null)[] = [];
  #versions: number[] = [];
  #timesMs: number[] = [];
  #start = 0;
  #sizeBytes = 0;

  get count(): number {
    return this.#kept.length;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Answers by how many bytes it grew. */
  add(value: unknown, text: string, version: number, timeMs: number, valuesMax: number): number {
    const before = this.#sizeBytes;
    const kept = typeof value === "object" || typeof value === "string" ? text : value;
    this.#sizeBytes += sizeOf(kept as string);
    if (this.#kept.length < valuesMax) {
      this.#kept.push(kept as string);
      this.#versions.push(version);
      this.#timesMs.push(timeMs);
    } else {
      this.#sizeBytes -= sizeOf(this.#kept[this.#start]!);
      this.#kept[this.#start] = kept as string;
      this.#versions[this.#start] = version;
      this.#timesMs[this.#start] = timeMs;
      this.#start = (this.#start + 1) % this.#kept.length;
    }
    return this.#sizeBytes - before;
  }

  /** Drops the older half; answers how many values that were. */
  halve(): number {
    const first = this.#kept.length >> 1;
    const order = (at: number): number => (this.#start + at) % this.#kept.length;
    const places = Array.from({ length: this.#kept.length - first }, (_, at) => order(first + at));
    for (let at = 0; at < first; at++) this.#sizeBytes -= sizeOf(this.#kept[order(at)]!);
    this.#versions = places.map((place) => this.#versions[place]!);
    this.#timesMs = places.map((place) => this.#timesMs[place]!);
    this.#kept = places.map((place) => this.#kept[place]!);
    this.#start = 0;
    return first;
  }

  /** The last `limit`, oldest first. */
  values(limit: number): readonly HistoryValue[] {
    const { length } = this.#kept;
    const count = Math.min(limit, length);
    return Array.from({ length: count }, (_, at) => {
      const place = (this.#start + length - count + at) % length;
      const kept = this.#kept[place];
      const value: unknown = typeof kept === "string" ? JSON.parse(kept) : kept;
      return { value, version: this.#versions[place]!, timeMs: this.#timesMs[place]! };
    });
  }
}

function sizeOf(kept: unknown): number {
  return valueOverheadBytes + (typeof kept === "string" ? kept.length : 0);
}

/** All histories of one node, bounded together. A view of the log that costs no write. */
export class DeviceHistories {
  readonly bounds: HistoryBounds;
  readonly #all = new Set<AttributeHistory>();
  #next: IterableIterator<AttributeHistory> = this.#all.values();
  #sizeBytes = 0;
  #evicted = 0;

  constructor(bounds: HistoryBounds) {
    this.bounds = bounds;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Values that went before their turn, because all together were too large. */
  get evicted(): number {
    return this.#evicted;
  }

  open(): AttributeHistory {
    const history = new AttributeHistory();
    this.#all.add(history);
    return history;
  }

  add(
    history: AttributeHistory,
    value: unknown,
    text: string,
    version: number,
    timeMs: number,
  ): void {
    const { valuesMax, sizeBytesMax } = this.bounds;
    this.#sizeBytes += history.add(value, text, version, timeMs, valuesMax);
    if (this.#sizeBytes > sizeBytesMax) this.#shrink();
  }

  close(history: AttributeHistory): void {
    if (this.#all.delete(history)) this.#sizeBytes -= history.sizeBytes;
  }

  clear(): void {
    this.#all.clear();
    this.#next = this.#all.values();
    this.#sizeBytes = 0;
  }

  /** Each in turn, so that a flood of one device costs everyone a little and nobody everything. */
  #shrink(): void {
    let left = this.#all.size;
    while (this.#sizeBytes > this.bounds.sizeBytesMax && left-- > 0) {
      const history = this.#following();
      if (history === null) return;
      const before = history.sizeBytes;
      this.#evicted += history.halve();
      this.#sizeBytes -= before - history.sizeBytes;
    }
  }

  #following(): AttributeHistory | null {
    let next = this.#next.next();
    if (next.done === true) {
      this.#next = this.#all.values();
      next = this.#next.next();
    }
    return next.done === true ? null : next.value;
  }
}
