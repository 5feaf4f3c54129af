import type { OnceMark, StateWriter } from "#cluster";
import { Digest, hashRecord, type RecordHash } from "./digest.ts";

/** What a record is about: the first part of its key. */
export const recordPrefix = {
  /** `r/{topic}`: a retained message. */
  retained: "r/",
  /** `d/{device}\0{attribute}`: MQTT forbids U+0000 in topics, so no name can contain the separator. */
  attribute: "d/",
  /** `g/{device}`: what a device is to be. */
  shadow: "g/",
  /** `l/{clientId}`: when a client that devices publish through came or went last. */
  seen: "l/",
  /** `c/{clientId}`: who owns a client identifier. */
  client: "c/",
  /** `s/{clientId}`: a session that outlives its connection. */
  session: "s/",
  /** `q/{clientId}`: the cursor of its queue. */
  cursor: "q/",
  /** `f/{clientId}\0{filter}`: one of its subscriptions. */
  subscription: "f/",
  /** `m/{id}`: a message that sessions wait for. */
  message: "m/",
  /** `p/{number of the session}-{seq}`: a place in its queue for a message that was stored before. */
  place: "p/",
  /** `w/{clientId}`: a Will whose delay is not over. */
  will: "w/",
  /** `n/{nodeId}`: the latest incarnation of a node. */
  node: "n/",
  /** `e`: the epoch handed out last. */
  epoch: "e",
  /** `v`: the least version of the next value, where it is above the log index. */
  version: "v",
} as const;

export interface OnceRecord {
  readonly hash: RecordHash;
  readonly mark: OnceMark;
}

/**
 * The way of all views to the persistent records: each change goes to the writer of the entry that is being applied and
 * into the digest. The view keeps the hash of each record it holds, and hands it back when the record changes.
 */
export class StateRecords {
  readonly #digest = new Digest();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  put(
    writer: StateWriter,
    key: string,
    value: Uint8Array,
    previous: RecordHash | null,
  ): RecordHash {
    if (previous !== null) {
      this.#forget(previous);
    }
    writer.put(key, value, previous === null);
    return this.restore(key, value);
  }

  /** A record whose key has no other one before or after it; `mark` is for its deletion. */
  putOnce(writer: StateWriter, key: string, value: Uint8Array): OnceRecord {
    const mark = writer.putOnce?.(key, value) ?? null;
    if (mark === null) writer.put(key, value, true);
    return { hash: this.restore(key, value), mark };
  }

  delete(
    writer: StateWriter,
    key: string,
    previous: RecordHash,
    mark: OnceMark | null = null,
  ): void {
    writer.delete(key, mark);
    this.#forget(previous);
  }

  /** A record that is on disk already. */
  restore(key: string, value: Uint8Array): RecordHash {
    const hash = hashRecord(key, value);
    this.#digest.add(hash);
    this.#count++;
    return hash;
  }

  clear(): void {
    this.#digest.clear();
    this.#count = 0;
  }

  digest(): string {
    return this.#digest.toString();
  }

  #forget(hash: RecordHash): void {
    this.#digest.subtract(hash);
    this.#count--;
  }
}
