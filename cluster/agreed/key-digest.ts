/**
 * Order-independent digest of a set of (key, value) records: two 32-bit lanes, each the wrapping sum of a hash per record,
 * so that one changed record costs one subtraction and one addition. It finds divergence, not forgery.
 */
export class KeyDigest {
  #a = 0;
  #b = 0;

  add(key: string, value: string): void {
    const text = `${key}\u0000${value}`;
    this.#a = (this.#a + hash(text, 0x811c9dc5)) | 0;
    this.#b = (this.#b + hash(text, 0x9747b28c)) | 0;
  }

  remove(key: string, value: string): void {
    const text = `${key}\u0000${value}`;
    this.#a = (this.#a - hash(text, 0x811c9dc5)) | 0;
    this.#b = (this.#b - hash(text, 0x9747b28c)) | 0;
  }

  reset(): void {
    this.#a = 0;
    this.#b = 0;
  }

  hex(): string {
    return toHex(this.#a) + toHex(this.#b);
  }
}

function hash(text: string, seed: number): number {
  let h = seed;
  for (let i = 0; i < text.length; i++) {
    h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
    h ^= h >>> 15;
  }
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

function toHex(lane: number): string {
  return (lane >>> 0).toString(16).padStart(8, "0");
}
