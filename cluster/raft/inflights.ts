import type { LogIndex } from "./types.ts";

/**
 * The append messages on their way to one follower: a window bounded in messages and bytes. Full means that the
 * follower must answer before more entries leave.
 */
export class Inflights {
  readonly #countMax: number;
  readonly #sizeBytesMax: number;
  #window: { readonly lastIndex: LogIndex; readonly sizeBytes: number }[] = [];
  #sizeBytes = 0;

  constructor(countMax: number, sizeBytesMax: number) {
    this.#countMax = countMax;
    this.#sizeBytesMax = sizeBytesMax;
  }

  get count(): number {
    return this.#window.length;
  }

  get isFull(): boolean {
    return this.#window.length >= this.#countMax || this.#sizeBytes >= this.#sizeBytesMax;
  }

  add(lastIndex: LogIndex, sizeBytes: number): void {
    this.#window.push({ lastIndex, sizeBytes });
    this.#sizeBytes += sizeBytes;
  }

  /** Everything up to `index` has arrived. */
  releaseTo(index: LogIndex): void {
    let released = 0;
    for (const message of this.#window) {
      if (message.lastIndex > index) {
        break;
      }
      this.#sizeBytes -= message.sizeBytes;
      released += 1;
    }
    this.#window.splice(0, released);
  }

  clear(): void {
    this.#window = [];
    this.#sizeBytes = 0;
  }
}
