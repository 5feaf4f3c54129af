import type { Batch } from "./batch.ts";
import { storageError } from "./level-open.ts";

/**
 * A batch that grew beyond this while it waited is followed by another one, so that one sync does not have to
 * carry tens of megabytes. Nothing is refused: what may wait here is bounded by Raft (uncommitted and committed bytes)
 * and by the one chunk that a staging or a sweep waits for.
 */
const batchSizeBytesMax = 8 * 1024 * 1024;

/** What whoever opens a stream wants to hear of it. */
export interface WriteStreamEvents<OneBatch extends Batch> {
  /** Stands in error messages. */
  readonly directory: string;
  /** A batch is on disk; its waiters have not been told yet. */
  readonly landed: (batch: OneBatch) => void;
  /** Called once. */
  readonly failed: (error: Error) => void;
}

export interface WriteStreamOptions<OneBatch extends Batch> extends WriteStreamEvents<OneBatch> {
  /** Number of the last batch on disk. */
  readonly sequence: number;
  readonly batch: (sequence: number) => OneBatch;
  /** Resolves when all of the batch is durable. */
  readonly write: (batch: OneBatch) => Promise<void>;
}

/** The only writer of the log, or of the database. One batch is in flight, always synced; what is handed over meanwhile forms the next. */
export class WriteStream<OneBatch extends Batch> {
  readonly #options: WriteStreamOptions<OneBatch>;
  readonly #queue: OneBatch[] = [];
  #inFlight: OneBatch | null = null;
  #isStartScheduled = false;
  #sequence: number;
  #syncedBatches = 0;
  #failure: Error | null = null;
  #idle: (() => void)[] = [];

  constructor(options: WriteStreamOptions<OneBatch>) {
    this.#options = options;
    this.#sequence = options.sequence;
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
  batch(): OneBatch {
    const last = this.#queue.at(-1);
    if (last !== undefined && !last.isSealed && last.sizeBytes < batchSizeBytesMax) return last;
    this.#sequence++;
    const batch = this.#options.batch(this.#sequence);
    this.#queue.push(batch);
    return batch;
  }

  /** One that holds nothing of what was handed over before. */
  newBatch(): OneBatch {
    this.#queue.at(-1)?.seal();
    return this.batch();
  }

  /** Resolves when all that was handed over by now is on disk, or never will be. Null when it is. */
  whenLanded(): Promise<void> | null {
    const last = this.#queue.at(-1) ?? this.#inFlight;
    if (last === null) return null;
    return new Promise((resolve) => last.join(resolve, () => resolve()));
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
    const error = storageError(this.#options.directory, cause);
    this.#failure = error;
    const dropped = this.#inFlight === null ? this.#queue : [this.#inFlight, ...this.#queue];
    this.#inFlight = null;
    this.#options.failed(error);
    for (const batch of dropped) batch.failed(error);
    this.#queue.length = 0;
    this.#tellIdle();
  }

  #startNext(): void {
    if (this.#inFlight !== null || this.#failure !== null) return;
    const batch = this.#queue.shift();
    if (batch === undefined) return;
    this.#inFlight = batch;
    void this.#write(batch).then(
      () => this.#landed(batch),
      (error) => this.fail(error),
    );
  }

  async #write(batch: OneBatch): Promise<void> {
    await batch.gate();
    // What it waited for may be the failure that ends this stream, too.
    if (this.#failure === null) await this.#options.write(batch);
  }

  /** The next batch is on its way to the disk before the waiters of this one use the processor. */
  #landed(batch: OneBatch): void {
    if (this.#failure !== null) return;
    this.#inFlight = null;
    this.#syncedBatches++;
    this.#startNext();
    this.#options.landed(batch);
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
