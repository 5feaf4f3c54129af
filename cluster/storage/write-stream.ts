import { type Database, storageError } from "./level-open.ts";
import { WriteBatch } from "./write-batch.ts";

/**
 * A batch that grew beyond this while it waited is followed by another one, so that one sync does not have to
 * carry tens of megabytes. Nothing is refused: what may wait here is bounded by Raft (uncommitted and committed bytes)
 * and by the one chunk that a staging or a sweep waits for.
 */
const batchSizeBytesMax = 8 * 1024 * 1024;

export interface WriteStreamEvents {
  /** A batch is on disk; its waiters have not been told yet. */
  readonly landed: (batch: WriteBatch) => void;
  /** Called once. */
  readonly failed: (error: Error) => void;
}

/**
 * The only writer of the database. One batch is in flight, always synced: a single unsynced write could leave
 * a hole before synced ones after a power cut, since LevelDB closes a full log without syncing it.
 */
export class WriteStream {
  readonly #directory: string;
  readonly #database: Database;
  readonly #events: WriteStreamEvents;
  readonly #queue: WriteBatch[] = [];
  #inFlight: WriteBatch | null = null;
  #isStartScheduled = false;
  #sequence: number;
  #syncedBatches = 0;
  #failure: Error | null = null;
  #idle: (() => void)[] = [];

  /** `directory` stands in error messages; `sequence` is the number of the last batch on disk. */
  constructor(directory: string, database: Database, sequence: number, events: WriteStreamEvents) {
    this.#directory = directory;
    this.#database = database;
    this.#sequence = sequence;
    this.#events = events;
  }

  get failure(): Error | null {
    return this.#failure;
  }

  get syncedBatches(): number {
    return this.#syncedBatches;
  }

  get queuedChanges(): number {
    let changes = this.#inFlight?.changes ?? 0;
    for (const batch of this.#queue) changes += batch.changes;
    return changes;
  }

  /** The batch that takes the next change. The caller fills and closes it at once, then calls `start`. */
  batch(): WriteBatch {
    const last = this.#queue.at(-1);
    if (last !== undefined && last.sizeBytes < batchSizeBytesMax) return last;
    this.#sequence++;
    const batch = new WriteBatch(this.#sequence);
    this.#queue.push(batch);
    return batch;
  }

  /** Deferred to the end of the current job, so that changes handed over together share a sync. */
  start(): void {
    if (this.#inFlight !== null || this.#isStartScheduled) return;
    this.#isStartScheduled = true;
    queueMicrotask(() => {
      this.#isStartScheduled = false;
      this.#startNext();
    });
  }

  /** Resolves when nothing waits or is in flight, or after a failure. */
  idle(): Promise<void> {
    if (this.#isIdle()) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Final: nothing waiting is ever reported done. */
  fail(cause: unknown): void {
    if (this.#failure !== null) return;
    const error = storageError(this.#directory, cause);
    this.#failure = error;
    const dropped = this.#inFlight === null ? this.#queue : [this.#inFlight, ...this.#queue];
    this.#inFlight = null;
    this.#events.failed(error);
    for (const batch of dropped) batch.failed(error);
    this.#queue.length = 0;
    this.#tellIdle();
  }

  #startNext(): void {
    if (this.#inFlight !== null || this.#failure !== null) return;
    const batch = this.#queue.shift();
    if (batch === undefined) return;
    this.#inFlight = batch;
    void this.#database.write(batch.operations(), { sync: true }).then(
      () => this.#landed(batch),
      (error) => this.fail(error),
    );
  }

  /** The next batch is on its way to the disk before the waiters of this one use the processor. */
  #landed(batch: WriteBatch): void {
    if (this.#failure !== null) return;
    this.#inFlight = null;
    this.#syncedBatches++;
    this.#startNext();
    this.#events.landed(batch);
    batch.landed();
    this.#tellIdle();
  }

  #isIdle(): boolean {
    return this.#failure !== null || (this.#inFlight === null && this.#queue.length === 0);
  }

  #tellIdle(): void {
    if (!this.#isIdle()) return;
    const waiting = this.#idle;
    this.#idle = [];
    for (const resolve of waiting) resolve();
  }
}
