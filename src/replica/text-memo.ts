/** Longer texts cost more to compare than to make. */
const sizeBytesMax = 64;

/**
 * Strings by their UTF-8 bytes. The same few topics and client identifiers come again and again, and to make a string of bytes
 * is a call into native code, a new object and, at its first look-up in a map, a hash over all of it; to find one that is there
 * already is a loop over its bytes. Only ASCII is kept, whose characters can be compared with bytes. One place per hash: a text
 * that falls on another takes its place.
 */
export class TextMemo {
  readonly #texts: string[];
  readonly #mask: number;

  /** Keeps at most `textsMax` strings of up to 64 bytes; a power of two. */
  constructor(textsMax: number) {
    this.#texts = new Array<string>(textsMax).fill("");
    this.#mask = textsMax - 1;
  }

  /** What `bytes[start, end)` says in UTF-8. */
  read(bytes: Buffer, start: number, end: number): string {
    const sizeBytes = end - start;
    if (sizeBytes > sizeBytesMax) return bytes.toString("utf8", start, end);
    let hash = sizeBytes;
    let seen = 0;
    for (let at = start; at < end; at++) {
      const byte = bytes[at] as number;
      hash = (Math.imul(hash, 31) + byte) | 0;
      seen |= byte;
    }
    if (seen >= 0x80) return bytes.toString("utf8", start, end);
    const place = (hash ^ (hash >>> 15)) & this.#mask;
    const known = this.#texts[place] as string;
    if (isEqual(known, bytes, start, sizeBytes)) return known;
    const text = bytes.toString("latin1", start, end);
    this.#texts[place] = text;
    return text;
  }
}

function isEqual(text: string, bytes: Buffer, start: number, sizeBytes: number): boolean {
  if (text.length !== sizeBytes) return false;
  for (let at = 0; at < sizeBytes; at++) {
    if (text.charCodeAt(at) !== bytes[start + at]) return false;
  }
  return true;
}
