import type { LogIndex } from "../raft/types.ts";
import { prefix } from "./keys.ts";
import { sealJson } from "./sealed.ts";

export type Operation =
  | { readonly type: "put"; readonly key: string; readonly value: Buffer }
  /** A `put` of the value with its check in front, which is added on the way into the database: see `seal`. */
  | { readonly type: "seal"; readonly key: string; readonly value: Uint8Array }
  | { readonly type: "del"; readonly key: string };

/** What the floor file may claim once the batch is on disk. */
export interface DurablePoint {
  /** Number of the batch. */
  readonly sequence: number;
  readonly lastIndex: LogIndex;
  /** Chain at lastIndex, hex. */
  readonly chain: string;
}

interface Waiter {
  readonly done: () => void;
  readonly failed: ((error: Error) => void) | null;
}

/**
 * Changes that become durable together. LevelDB applies a batch in its order, so that merging changes is
 * appending their operations. Records that each change replaces as a whole are kept once, the last one wins.
 */
export class WriteBatch {
  readonly sequence: number;
  readonly #operations: Operation[] = [];
  readonly #records = new Map<string, unknown>();
  readonly #waiters: Waiter[] = [];
  #sizeBytes = 0;
  #point: DurablePoint | null = null;

  constructor(sequence: number) {
    this.sequence = sequence;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get changes(): number {
    return this.#waiters.length;
  }

  get point(): DurablePoint | null {
    return this.#point;
  }

  /** Stores bytes that carry their own check. */
  put(key: string, value: Buffer): void {
    this.#operations.push({ type: "put", key, value });
    this.#sizeBytes += key.length + value.byteLength;
  }

  /** `value` is not changed afterwards. */
  putSealed(key: string, value: Uint8Array): void {
    this.#operations.push({ type: "seal", key, value });
    this.#sizeBytes += key.length + value.byteLength;
  }

  delete(key: string): void {
    this.#operations.push({ type: "del", key });
    this.#sizeBytes += key.length;
  }

  /** A record as sealed JSON; a later one under the same key replaces it. */
  record(key: string, value: unknown): void {
    this.#records.set(key, value);
  }

  /** Called for each change when all its operations are in. */
  close(point: DurablePoint, done: () => void, failed: ((error: Error) => void) | null): void {
    this.#point = point;
    this.#waiters.push({ done, failed });
  }

  operations(): Operation[] {
    this.record(prefix.sequence, this.sequence);
    for (const [key, value] of this.#records) this.put(key, sealJson(key, value));
    this.#records.clear();
    return this.#operations;
  }

  landed(): void {
    for (const waiter of this.#waiters) waiter.done();
  }

  failed(error: Error): void {
    for (const waiter of this.#waiters) waiter.failed?.(error);
  }
}
