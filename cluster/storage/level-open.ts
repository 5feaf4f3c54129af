import { setImmediate } from "node:timers/promises";
import { Level } from "level";
import { ClusterError } from "../errors.ts";
import { logLimits } from "../log-limits.ts";
import { corrupt } from "./corrupt.ts";
import { Sealer } from "./sealed.ts";
import type { Operation } from "./state-batch.ts";

export interface DatabaseSnapshot {
  close(): Promise<void>;
}

export interface ReadOptions {
  /** Reads as of the moment at which it was taken. */
  readonly snapshot?: DatabaseSnapshot;
}

export interface RangeOptions extends ReadOptions {
  readonly gte: string;
  readonly lt: string;
  readonly limit?: number;
}

export interface DatabaseIterator<Item> extends AsyncIterable<Item> {
  /** Up to `size` items; none at the end. */
  nextv(size: number): Promise<Item[]>;
  all(): Promise<Item[]>;
  close(): Promise<void>;
}

/** What is used of LevelDB: the door for a simulated one. */
export interface Database {
  get(key: string, options?: ReadOptions): Promise<Buffer | undefined>;
  /** All of it is written or nothing; with `sync`, it is durable before the promise resolves. */
  write(operations: readonly Operation[], options: { readonly sync: boolean }): Promise<void>;
  /** In the order of the keys. */
  iterator(range: RangeOptions): DatabaseIterator<[string, Buffer]>;
  keys(range: RangeOptions): DatabaseIterator<string>;
  snapshot(): DatabaseSnapshot;
  close(): Promise<void>;
}

/** Everything is written twice (log file, then table), and much of the state is soon overwritten: tables are written seldom, and merged seldom. */
const writeBufferSizeBytes = 32 * 1024 * 1024;

/**
 * Up to so much of it less, by chance: nodes write the same, so that equal buffers would be full at the same moment, and none of them could sync an entry
 * while all are put into tables.
 */
const writeBufferSpread = 0.5;
const tableSizeBytes = 8 * 1024 * 1024;

/**
 * Off: measured with scripts/bench/storage.ts, Snappy makes no difference to speed or processor time here (14 against 13 us
 * an entry, within the noise), and files/table.ts can check tables without a decompressor.
 */
const isCompressed = false;

/** LevelDB, which copies each operation of a chained batch when it is added, so that their values need no memory of their own. */
export class LevelDatabase extends Level<string, Buffer> {
  readonly #sealer = new Sealer();

  async write(
    operations: readonly Operation[],
    options: { readonly sync: boolean },
  ): Promise<void> {
    const batch = this.batch();
    let left: number = logLimits.recordsWrittenPerTurn;
    for (const operation of operations) {
      if (left === 0) {
        // Nothing is written before all of it is in the batch.
        await setImmediate();
        left = logLimits.recordsWrittenPerTurn;
      }
      left--;
      if (operation.type === "del") batch.del(operation.key);
      else if (operation.type === "put") batch.put(operation.key, operation.value);
      else batch.put(operation.key, this.#sealer.seal(operation.key, operation.value));
    }
    await batch.write(options);
  }
}

/** `random` from 0 to less than 1. */
export function writeBufferSize(random: number): number {
  return Math.round(writeBufferSizeBytes * (1 - writeBufferSpread * random));
}

/** Throws ClusterError `storage-locked`, `storage-corrupt` or `storage-failed`. */
export async function openLevel(directory: string): Promise<Database> {
  const database = new LevelDatabase(directory, {
    keyEncoding: "utf8",
    valueEncoding: "buffer",
    writeBufferSize: writeBufferSize(Math.random()),
    maxFileSize: tableSizeBytes,
    compression: isCompressed,
  });
  try {
    await database.open();
  } catch (error) {
    throw storageError(directory, error);
  }
  return database as Database;
}

/** What went wrong while opening or reading, in the library's words. */
export function storageError(directory: string, error: unknown): ClusterError {
  if (error instanceof ClusterError) return error;
  const cause = (error as Error).cause ?? error;
  const code = (cause as { code?: unknown }).code;
  const message = (cause as Error).message;
  if (code === "LEVEL_LOCKED") return locked(directory, cause);
  if (code === "LEVEL_CORRUPTION") return corrupt("database", null, message, cause);
  const details = { directory, reason: message };
  return new ClusterError("storage-failed", `cannot use ${directory}: ${message}`, details, cause);
}

export function locked(directory: string, cause: unknown): ClusterError {
  return new ClusterError(
    "storage-locked",
    `another process uses the data directory ${directory}: stop it, or choose another directory`,
    { directory },
    cause,
  );
}
