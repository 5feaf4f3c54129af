import { logLimits } from "../log-limits.ts";
import type { Configuration, LogIndex, Term } from "../raft/types.ts";
import type { AppliedEffects, OnceWrite, StateWrite } from "./storage.ts";

/** What a key and its place in the table take, about. */
const recordOverheadBytes = 64;

/** What the state is to be at one applied index, and who waits for it to be on the disk. */
export interface GatheredEffects {
  readonly applied: AppliedEffects;
  readonly waiters: readonly (() => void)[];
}

/**
 * Effects of entries that are on their way to the disk and not there yet, as one change: of several writes to a key the last one is left,
 * and of a record that came and went meanwhile nothing.
 */
export class WaitingEffects {
  #writes = new Map<string, StateWrite>();
  /** To keys that no other of them is for; those that do not wait any more are left out in the end. */
  #onceWrites: StateWrite[] = [];
  #leftOut = 0;
  #leftOutSizeBytes = 0;
  #waiters: (() => void)[] = [];
  #sizeBytes = 0;
  #point: { index: LogIndex; term: Term; configuration: Configuration } | null = null;

  get isEmpty(): boolean {
    return this.#point === null;
  }

  /** Keys and values, as they would be written now. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** The values are kept as they are until `take`. */
  add({ index, term, configuration, writes }: AppliedEffects, done: () => void): void {
    for (const write of writes) {
      if (write.once === undefined) this.#write(write);
      else this.#writeOnce(write, write.once);
    }
    this.#point = { index, term, configuration };
    this.#waiters.push(done);
  }

  /** Null when nothing waits. */
  take(): GatheredEffects | null {
    if (this.#point === null) return null;
    this.#dropLeftOut();
    for (const { once } of this.#onceWrites) once!.waiting = null;
    // Behind the others: the deletion of a record whose mark is not known may be for the same key.
    const applied = { ...this.#point, writes: [...this.#writes.values(), ...this.#onceWrites] };
    this.#onceWrites = [];
    const waiters = this.#waiters;
    this.#writes = new Map();
    this.#waiters = [];
    this.#sizeBytes = 0;
    this.#point = null;
    return { applied, waiters };
  }

  #writeOnce(write: StateWrite, once: OnceWrite): void {
    if (once.waiting === null) {
      once.waiting = write;
      this.#onceWrites.push(write);
      this.#sizeBytes += sizeOf(write);
      return;
    }
    const sizeBytes = sizeOf(once.waiting);
    this.#sizeBytes -= sizeBytes;
    this.#leftOutSizeBytes += sizeBytes;
    once.waiting = null;
    this.#leftOut++;
    const isMuch = this.#leftOutSizeBytes >= logLimits.effectsSizeBytesMax;
    if (isMuch || this.#leftOut >= logLimits.effectsLeftOutMax) this.#dropLeftOut();
  }

  #dropLeftOut(): void {
    if (this.#leftOut > 0) {
      this.#onceWrites = this.#onceWrites.filter((write) => write.once!.waiting === write);
    }
    this.#leftOut = 0;
    this.#leftOutSizeBytes = 0;
  }

  #write(write: StateWrite): void {
    const { key, value } = write;
    const earlier = this.#writes.get(key);
    if (earlier === undefined) {
      this.#writes.set(key, write);
      this.#sizeBytes += sizeOf(write);
      return;
    }
    this.#sizeBytes -= sizeOf(earlier);
    // The disk has no record under this key as long as the first write that waits was that of a new one.
    const isNew = earlier.isNew === true;
    if (value === null && isNew) {
      this.#writes.delete(key);
      return;
    }
    const left = { key, value, isNew };
    this.#writes.set(key, left);
    this.#sizeBytes += sizeOf(left);
  }
}

function sizeOf({ key, value }: StateWrite): number {
  return recordOverheadBytes + key.length + (value?.byteLength ?? 0);
}
