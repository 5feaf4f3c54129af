import { ClusterError } from "../errors.ts";
import { defaultGroup, type SnapshotPoint } from "../raft/types.ts";
import { generationsOf, keysInPieces } from "./generations.ts";
import { stateRange } from "./keys.ts";
import type { Database } from "./level-open.ts";
import { StateBatch } from "./state-batch.ts";
import { StateChanges } from "./state-changes.ts";
import type { AppliedEffects, NodeRecord, StateWrite } from "./storage.ts";
import { WriteStream, type WriteStreamEvents } from "./write-stream.ts";

/** Keys deleted by one batch of a sweep: small beside what a busy node writes at the same time. */
const sweepKeysMax = 1_000;

export interface StateStoreOptions extends WriteStreamEvents<StateBatch> {
  readonly database: Database;
  /** Number of the last batch on disk. */
  readonly sequence: number;
  /** Which is the live one. */
  readonly generation: number;
}

/** The database of an open storage, its one write stream, and the removal of state that was replaced. */
export class StateStore {
  readonly #database: Database;
  readonly stream: WriteStream<StateBatch>;
  readonly #changes: StateChanges;
  #sweep: Promise<void> = Promise.resolve();
  #isSweeping = true;

  constructor({ database, sequence, generation, ...events }: StateStoreOptions) {
    this.#database = database;
    this.#changes = new StateChanges(generation);
    this.stream = new WriteStream<StateBatch>({
      ...events,
      sequence,
      batch: (number) => new StateBatch(number),
      write: (batch) => database.write(batch.operations(), { sync: true }),
    });
  }

  /** As of what was handed over. */
  get generation(): number {
    return this.#changes.generation;
  }

  /** `entries`: when the log holds what the effects follow from, null when it does. */
  apply(effects: AppliedEffects, entries: Promise<void> | null, isUnchanging: boolean): void {
    const batch = this.stream.batch();
    if (entries !== null) batch.waitFor(entries);
    this.#changes.apply(effects, batch, isUnchanging);
  }

  putPoint(point: SnapshotPoint, chain: string): void {
    this.#changes.putPoint(point, chain, this.stream.batch());
  }

  putNode(record: NodeRecord): void {
    this.#changes.putNode(record, this.stream.batch());
  }

  /** Ends a change that was put: `done` runs when all of it is on disk. */
  send(done: () => void): void {
    this.stream.batch().join(done, null);
    this.stream.start();
  }

  /**
   * The staged snapshot becomes the state; what was put before comes with it, and nothing that comes later: it might wait for the log that waits for
   * the snapshot. Answers when it is on disk, and the generation that is no longer needed.
   */
  install(point: SnapshotPoint, chain: string) {
    const batch = this.stream.batch();
    const dropped = this.#changes.install(point, chain, batch);
    batch.seal();
    const installed = this.stream.whenLanded();
    this.stream.start();
    return { installed, dropped };
  }

  beginStaging(): void {
    if (this.stream.failure !== null) throw this.stream.failure;
    const abandoned = this.#changes.beginStaging();
    if (abandoned !== null) this.sweepLater(abandoned);
  }

  async stage(records: readonly StateWrite[]): Promise<void> {
    if (!this.#changes.isStaging) {
      throw new ClusterError("storage-failed", "no snapshot is being staged");
    }
    await this.submit((batch) => this.#changes.stage(records, batch));
  }

  /** Fills a batch and waits until it is on disk. Rejects when the stream failed. */
  submit(fill: (batch: StateBatch) => void): Promise<void> {
    const { stream } = this;
    return new Promise((resolve, reject) => {
      if (stream.failure !== null) throw stream.failure;
      const batch = stream.batch();
      fill(batch);
      batch.join(resolve, reject);
      stream.start();
    });
  }

  /** Removes every generation but the live one. */
  async sweepOthers(): Promise<void> {
    for (const generation of await generationsOf(this.#database, defaultGroup)) {
      if (generation !== this.generation) await this.#sweepGeneration(generation);
    }
  }

  /** Sweeps follow one another; what a failure interrupts is found by the next open. */
  sweepLater(generation: number): void {
    this.#sweep = this.#sweep
      .then(() => this.#sweepGeneration(generation))
      .catch((error: Error) => this.stream.fail(error));
  }

  /** What is left is found by the next open. */
  stopSweeping(): void {
    this.#isSweeping = false;
  }

  /** Waits for what was handed over. */
  async idle(): Promise<void> {
    await this.stream.idle();
    await this.#sweep;
  }

  async #sweepGeneration(generation: number): Promise<void> {
    const range = stateRange(defaultGroup, generation);
    for await (const keys of keysInPieces(this.#database, range, sweepKeysMax)) {
      if (!this.#isSweeping) return;
      await this.submit((batch) => {
        for (const key of keys) batch.delete(key);
      });
    }
  }
}
