/** 64-bit hash of one record in two lanes, signed 32-bit each. */
export interface RecordHash {
  readonly low: number;
  readonly high: number;
}

const lowPrime = 0x01000193;
const highPrime = 0x5bd1e995;

/** Of the key's UTF-16 units and the value's bytes; the same on every node, not meant to resist an attacker. */
export function hashRecord(key: string, value: Uint8Array): RecordHash {
  let low = 0x811c9dc5 | 0;
  let high = 0x2545f491 | 0;
  for (let index = 0; index < key.length; index++) {
    const unit = key.charCodeAt(index);
    low = Math.imul(low ^ unit, lowPrime);
    high = Math.imul((high + unit) ^ (high >>> 13), highPrime);
  }
  // The lengths keep key and value apart: ("ab", "c") differs from ("a", "bc").
  low = Math.imul(low ^ key.length, lowPrime);
  high = Math.imul((high + value.length) ^ (high >>> 13), highPrime);
  const wholeWords = value.length & ~3;
  let offset = 0;
  for (; offset < wholeWords; offset += 4) {
    const word =
      value[offset]! |
      (value[offset + 1]! << 8) |
      (value[offset + 2]! << 16) |
      (value[offset + 3]! << 24);
    low = Math.imul(low ^ word, lowPrime);
    low ^= low >>> 15;
    high = Math.imul((high + word) ^ (high >>> 13), highPrime);
  }
  for (; offset < value.length; offset++) {
    low = Math.imul(low ^ value[offset]!, lowPrime);
    high = Math.imul((high + value[offset]!) ^ (high >>> 13), highPrime);
  }
  return { low: scatter(low ^ value.length), high: scatter(high) };
}

/** Spreads every bit over all 32, so that hashes of similar records do not cancel in the sum. */
function scatter(bits: number): number {
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) | 0;
}

/**
 * Digest of a set of records: the sum of their hashes, so that it does not depend on their order and a change costs one addition
 * and one subtraction.
 */
export class Digest {
  #low = 0;
  #high = 0;

  add(hash: RecordHash): void {
    this.#low = (this.#low + hash.low) | 0;
    this.#high = (this.#high + hash.high) | 0;
  }

  subtract(hash: RecordHash): void {
    this.#low = (this.#low - hash.low) | 0;
    this.#high = (this.#high - hash.high) | 0;
  }

  clear(): void {
    this.#low = 0;
    this.#high = 0;
  }

  /** 16 hex digits. */
  toString(): string {
    return toHex(this.#high) + toHex(this.#low);
  }
}

function toHex(lane: number): string {
  return (lane >>> 0).toString(16).padStart(8, "0");
}
