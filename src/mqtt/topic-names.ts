/** A longer one is made anew each time: most are far shorter, and what is remembered stays small. */
const rememberedLengthMax = 64;

/** A power of two; what is remembered takes half a megabyte at most, and a name that meets another takes its place. */
const slotCount = 4096;

/**
 * Topic names that came lately, found by their bytes. Publishers say the same ones again and again: a string that is there already need
 * not be checked or made, and has been hashed for the maps in which it is looked up next. ASCII only, where a byte is a character.
 */
export class TopicNames {
  #slots: (string | undefined)[] = [];
  #last = "";

  /** The name that is written in `bytes[start, end)`, if it is remembered. */
  find(bytes: Buffer, start: number, end: number): string | undefined {
    if (end - start > rememberedLengthMax) return undefined;
    // A client that has much to say mostly says it to one topic.
    if (isWritten(this.#last, bytes, start, end)) return this.#last;
    const known = this.#slots[slotOf(bytes, start, end)];
    if (known === undefined || !isWritten(known, bytes, start, end)) return undefined;
    this.#last = known;
    return known;
  }

  /** `name` is a topic name as it may be in a PUBLISH, and is written in `bytes[start, end)`. */
  remember(name: string, bytes: Buffer, start: number, end: number): void {
    if (end - start > rememberedLengthMax || name.length !== end - start) return;
    if (this.#slots.length === 0) this.#slots = new Array<undefined>(slotCount).fill(undefined);
    this.#slots[slotOf(bytes, start, end)] = name;
    this.#last = name;
  }
}

function isWritten(name: string, bytes: Buffer, start: number, end: number): boolean {
  if (name.length !== end - start) return false;
  for (let at = 0; at < name.length; at += 1) {
    if (name.charCodeAt(at) !== bytes[start + at]) return false;
  }
  return true;
}

/** FNV-1a. */
function slotOf(bytes: Buffer, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let at = start; at < end; at += 1) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  return (hash ^ (hash >>> 15)) & (slotCount - 1);
}
