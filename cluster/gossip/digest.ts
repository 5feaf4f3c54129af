/**
 * A 64-bit digest of a set of (key, weight), as two lanes of 32 bits. Entries are added and taken away in any order: the
 * digest is the sum of the entries' hashes, so that writer and reader keep it up to date with each operation.
 * It guards against bugs and lost operations, not against an adversary.
 */
export interface Digest {
  readonly high: number;
  readonly low: number;
}

export const emptyDigest: Digest = { high: 0, low: 0 };

/** Spreads every bit of the input over the output (finaliser of MurmurHash3). */
function mix(hash: number): number {
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Hashes the UTF-16 units of `text`; two lanes with different primes and seeds. */
export function hashText(text: string, seed: number): Digest {
  let high = 0x811c9dc5 ^ seed;
  let low = 0x9e3779b9 + seed;
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    high = Math.imul(high ^ unit, 0x01000193);
    low = Math.imul((low << 5) ^ (low >>> 27) ^ unit, 0x27d4eb2d);
  }
  return { high: mix(high ^ text.length), low: mix(low + text.length) };
}

/** A sum of entry hashes that changes with the set it describes. */
export class DigestSum {
  #high = 0;
  #low = 0;

  add(key: string, weight: number): void {
    const hash = hashText(key, weight);
    this.#high = (this.#high + hash.high) >>> 0;
    this.#low = (this.#low + hash.low) >>> 0;
  }

  subtract(key: string, weight: number): void {
    const hash = hashText(key, weight);
    this.#high = (this.#high - hash.high) >>> 0;
    this.#low = (this.#low - hash.low) >>> 0;
  }

  get value(): Digest {
    return { high: this.#high, low: this.#low };
  }
}

export function isSameDigest(a: Digest, b: Digest): boolean {
  return a.high === b.high && a.low === b.low;
}

/** Sixteen hex digits. */
export function digestText(digest: Digest): string {
  return digest.high.toString(16).padStart(8, "0") + digest.low.toString(16).padStart(8, "0");
}
