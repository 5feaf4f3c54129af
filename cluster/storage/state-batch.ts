import { Batch } from "./batch.ts";
import { prefix } from "./keys.ts";
import { sealJson } from "./sealed.ts";

export type Operation =
  | { readonly type: "put"; readonly key: string; readonly value: Buffer }
  /** A `put` of the value with its check in front, which is added on the way into the database: see `seal`. */
  | { readonly type: "seal"; readonly key: string; readonly value: Uint8Array }
  | { readonly type: "del"; readonly key: string };

/**
 * Changes to the database. LevelDB applies a batch in its order, so that merging changes is
 * appending their operations. Records that each change replaces as a whole are kept once, the last one wins.
 */
export class StateBatch extends Batch {
  readonly #operations: Operation[] = [];
  readonly #records = new Map<string, unknown>();

  /** Stores bytes that carry their own check. */
  put(key: string, value: Buffer): void {
    this.#operations.push({ type: "put", key, value });
    this.size += key.length + value.byteLength;
  }

  /** `value` is not changed afterwards. */
  putSealed(key: string, value: Uint8Array): void {
    this.#operations.push({ type: "seal", key, value });
    this.size += key.length + value.byteLength;
  }

  delete(key: string): void {
    this.#operations.push({ type: "del", key });
    this.size += key.length;
  }

  /** A record as sealed JSON; a later one under the same key replaces it. */
  record(key: string, value: unknown): void {
    this.#records.set(key, value);
  }

  operations(): Operation[] {
    this.record(prefix.sequence, this.sequence);
    for (const [key, value] of this.#records) this.put(key, sealJson(key, value));
    this.#records.clear();
    return this.#operations;
  }
}
