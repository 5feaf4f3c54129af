/** 64-bit hash of one record in two lanes, 32 bits each. It finds divergence, not forgery. */
export interface RecordHash {
  readonly a: number;
  readonly b: number;
}

/**
 * Order-independent digest of a set of (key, value) records: the wrapping sum of their hashes, so that one changed record costs one
 * subtraction and one addition.
 */
export class KeyDigest {
  #a = 0;
  #b = 0;

  add({ a, b }: RecordHash): void {
    this.#a = (this.#a + a) | 0;
    this.#b = (this.#b + b) | 0;
  }

  remove({ a, b }: RecordHash): void {
    this.#a = (this.#a - a) | 0;
    this.#b = (this.#b - b) | 0;
  }

  reset(): void {
    this.#a = 0;
    this.#b = 0;
  }

  hex(): string {
    return toHex(this.#a) + toHex(this.#b);
  }
}

/** Of the key, a zero and the value. */
export function hashRecord(key: string, value: string): RecordHash {
  let a = 0x811c9dc5;
  let b = 0x9747b28c;
  for (let i = 0; i < key.length; i++) {
    const unit = key.charCodeAt(i);
    a = mixed(a, unit);
    b = mixed(b, unit);
  }
  a = mixed(a, 0);
  b = mixed(b, 0);
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i);
    a = mixed(a, unit);
    b = mixed(b, unit);
  }
  return { a: scattered(a), b: scattered(b) };
}

function mixed(h: number, unit: number): number {
  const next = Math.imul(h ^ unit, 0x01000193);
  return next ^ (next >>> 15);
}

function scattered(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

function toHex(lane: number): string {
  return (lane >>> 0).toString(16).padStart(8, "0");
}
