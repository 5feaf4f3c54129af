import type { StateWriter } from "#cluster";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { RecordHash } from "./digest.ts";
import { recordPrefix, type StateRecords } from "./records.ts";

/**
 * Versions of values: the log index, unless the same entry wrote the key before. An entry carries many commands, and each value needs
 * a version of its own for ever, or a compare-and-set could take one for the other. So versions may run ahead of the index, and when a
 * value goes that has such a one, the state remembers how far: whatever comes in its place gets a later one.
 */
export class Versions {
  readonly #records: StateRecords;
  #floor = 0;
  #floorHash: RecordHash | null = null;
  /** Of the entry that is being applied. */
  index = 0;

  constructor(records: StateRecords) {
    this.#records = records;
  }

  /** Above all these, which stand there now. */
  next(versions: readonly number[]): number {
    const least = Math.max(this.index, this.#floor);
    return versions.reduce((next, version) => Math.max(next, version + 1), least);
  }

  /** A value is gone, and with it what its key knew of versions. Nearly always the index is beyond them anyway. */
  removed(version: number, writer: StateWriter): void {
    if (version < this.index || version < this.#floor) return;
    this.#floor = version + 1;
    const bytes = new ByteWriter(8);
    bytes.number(this.#floor);
    const { version: key } = recordPrefix;
    this.#floorHash = this.#records.put(writer, key, bytes.finish(), this.#floorHash);
  }

  restore(value: Uint8Array, hash: RecordHash): boolean {
    const reader = new ByteReader(value);
    const floor = reader.number();
    if (!reader.isSound || !reader.isAtEnd) return false;
    this.#floor = floor;
    this.#floorHash = hash;
    return true;
  }

  clear(): void {
    this.index = 0;
    this.#floor = 0;
    this.#floorHash = null;
  }
}
