import { ClusterError } from "../errors.ts";
import { LogBounds } from "./log/bounds.ts";
import { MemoryDisk } from "./memory-disk.ts";
import type {
  ClusterStorage,
  StateView,
  StateWrite,
  StorageChange,
  StorageOptions,
  StorageRestore,
  StorageStats,
} from "./storage.ts";

interface Waiting {
  readonly apply: (disk: MemoryDisk) => void;
  readonly done: () => void;
  readonly failed: (error: Error) => void;
}

/**
 * A storage for simulations, with the batches of the real one: one is in flight, what arrives meanwhile forms the
 * next. `schedule` is called when a batch sets out for the disk; the batch becomes durable when `run` is called,
 * and never if it is not. Without clock and randomness of its own.
 */
export class MemoryStorage implements ClusterStorage {
  readonly #schedule: (run: () => void) => void;
  readonly #options: StorageOptions;
  readonly #disk: MemoryDisk;
  #bounds: LogBounds | null = null;
  #isStaging = false;
  #isClosing = false;
  #failure: Error | null = null;
  #queue: Waiting[] = [];
  #inFlight: readonly Waiting[] = [];
  #syncedBatches = 0;
  #idle: (() => void)[] = [];

  constructor(
    schedule: (run: () => void) => void,
    options: StorageOptions,
    disk: MemoryDisk = new MemoryDisk(),
  ) {
    this.#schedule = schedule;
    this.#options = options;
    this.#disk = disk;
  }

  /** Hand it to the next storage after `crash` or `close`. */
  get disk(): MemoryDisk {
    return this.#disk;
  }

  async open(): Promise<StorageRestore> {
    if (this.#bounds !== null) throw new ClusterError("stopped", "storage is opened once");
    const restore = this.#disk.start();
    this.#bounds = new LogBounds(restore);
    return restore;
  }

  write(change: StorageChange, done: () => void): void {
    const bounds = this.#bounds;
    if (bounds === null) throw notOpen();
    if (this.#failure !== null || this.#isClosing) return;
    bounds.admit(change);
    if (change.installSnapshot !== undefined) this.#isStaging = false;
    const copy = copyOf(change);
    this.#enqueue({ apply: (disk) => disk.apply(copy), done, failed: () => {} });
  }

  async loadState(visit: (key: string, value: Uint8Array) => void): Promise<void> {
    this.#live();
    for (const { key, value } of this.#disk.records()) visit(key, value!);
  }

  async openStateView(): Promise<StateView | null> {
    this.#live();
    return this.#disk.view();
  }

  async beginStaging(): Promise<void> {
    this.#live().stagingBegun();
    if (this.#failure !== null) throw this.#failure;
    this.#isStaging = true;
    this.#enqueue({ apply: (disk) => disk.beginStaging(), done: () => {}, failed: () => {} });
  }

  async stage(records: readonly StateWrite[]): Promise<void> {
    this.#live();
    if (this.#failure !== null) throw this.#failure;
    if (!this.#isStaging) {
      throw new ClusterError("storage-failed", "no snapshot is being staged");
    }
    const copies = records.map(copyOfWrite);
    await new Promise<void>((done, failed) => {
      this.#enqueue({ apply: (disk) => disk.stage(copies), done, failed });
    });
  }

  stats(): StorageStats {
    const queuedChanges = this.#inFlight.length + this.#queue.length;
    return new Stats(queuedChanges, this.#syncedBatches, this.#disk);
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    while (!this.#isIdle()) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /**
   * The process dies: nothing is answered any more and what waited is gone. The batch in flight is whole or absent
   * afterwards, as `inFlight` says: a sync may have happened without anybody learning of it.
   */
  crash(inFlight: "lost" | "kept" = "lost"): void {
    if (inFlight === "kept") for (const { apply } of this.#inFlight) apply(this.#disk);
    this.#failure = new ClusterError("stopped", "the simulated process died");
    this.#drop();
  }

  /** The sync in flight fails, as on a broken or full disk. */
  fail(error: Error): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    const dropped = [...this.#inFlight, ...this.#queue];
    this.#drop();
    this.#options.onFailure(error);
    for (const { failed } of dropped) failed(error);
  }

  #enqueue(waiting: Waiting): void {
    this.#queue.push(waiting);
    if (this.#inFlight.length === 0) this.#startNext();
  }

  #startNext(): void {
    if (this.#queue.length === 0) return;
    const batch = this.#queue;
    this.#queue = [];
    this.#inFlight = batch;
    this.#schedule(() => this.#landed(batch));
  }

  #landed(batch: readonly Waiting[]): void {
    if (this.#inFlight !== batch) return;
    for (const { apply } of batch) apply(this.#disk);
    this.#syncedBatches++;
    this.#inFlight = [];
    this.#startNext();
    for (const { done } of batch) done();
    this.#tellIdle();
  }

  #drop(): void {
    this.#inFlight = [];
    this.#queue = [];
    this.#tellIdle();
  }

  #isIdle(): boolean {
    return this.#inFlight.length === 0 && this.#queue.length === 0;
  }

  #tellIdle(): void {
    if (!this.#isIdle()) return;
    const waiting = this.#idle;
    this.#idle = [];
    for (const resolve of waiting) resolve();
  }

  #live(): LogBounds {
    if (this.#bounds === null || this.#isClosing) throw notOpen();
    return this.#bounds;
  }
}

/** The core is asked for the queue at every turn, but for the size of the log hardly ever. */
class Stats implements StorageStats {
  readonly queuedChanges: number;
  readonly syncedBatches: number;
  readonly #disk: MemoryDisk;

  constructor(queuedChanges: number, syncedBatches: number, disk: MemoryDisk) {
    this.queuedChanges = queuedChanges;
    this.syncedBatches = syncedBatches;
    this.#disk = disk;
  }

  get logSizeBytes(): number {
    return this.#disk.entriesSizeBytes;
  }
}

function notOpen(): ClusterError {
  return new ClusterError("stopped", "storage is not open");
}

/**
 * The real storage keeps the values of effects as they are until it writes them, so a caller may not change them. What it does to them all
 * the same is not to be seen on a disk of the simulation: a copy is what was handed over.
 */
function copyOf(change: StorageChange): StorageChange {
  const { entries, applied } = change;
  return {
    ...change,
    ...(entries && { entries: entries.map((entry) => ({ ...entry, data: copy(entry.data) })) }),
    ...(applied && { applied: { ...applied, writes: applied.writes.map(copyOfWrite) } }),
  };
}

function copyOfWrite({ key, value }: StateWrite): StateWrite {
  return { key, value: value === null ? null : copy(value) };
}

function copy(bytes: Uint8Array): Uint8Array {
  return Buffer.from(bytes);
}
