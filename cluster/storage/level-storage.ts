import { ClusterError } from "../errors.ts";
import { logLimits } from "../log-limits.ts";
import type { Cancel } from "../ports.ts";
import { defaultGroup } from "../raft/types.ts";
import { EffectsBound } from "./effects-bound.ts";
import { establishFloor, type Floor } from "./floor-file.ts";
import { FloorKeeper } from "./floor-keeper.ts";
import { generationsOf, keysInPieces } from "./generations.ts";
import { formatVersion, prefix, stateRange } from "./keys.ts";
import { LevelChanges } from "./level-changes.ts";
import type { LevelDisk } from "./level-disk.ts";
import { type Database, storageError } from "./level-open.ts";
import { loadLevelState, openLevelStateView } from "./level-state-view.ts";
import { LogBounds } from "./log-bounds.ts";
import { readStoredNode } from "./restore.ts";
import { scrubLog } from "./scrub.ts";
import type {
  AppliedEffects,
  ClusterStorage,
  StateView,
  StateWrite,
  StorageChange,
  StorageOptions,
  StorageRestore,
  StorageStats,
} from "./storage.ts";
import { WaitingEffects } from "./waiting-effects.ts";
import type { WriteBatch } from "./write-batch.ts";
import { WriteStream } from "./write-stream.ts";

/** Keys deleted by one batch of a sweep: small beside what a busy node writes at the same time. */
const sweepKeysMax = 1_000;

type Lock = Awaited<ReturnType<LevelDisk["lock"]>>;

/** What exists between `open` and `close`. */
interface Opened {
  readonly lock: Lock;
  readonly database: Database;
  readonly stream: WriteStream;
  readonly floor: FloorKeeper;
  readonly bounds: LogBounds;
  readonly changes: LevelChanges;
}

/** The node's memory in LevelDB, on a disk of its own. One instance is opened once. */
export class LevelStorage implements ClusterStorage {
  readonly #disk: LevelDisk;
  readonly #options: StorageOptions;
  readonly #effects = new WaitingEffects();
  readonly #effectsDelayMs: number;
  readonly #effectsBound = new EffectsBound();
  /** Runs while effects wait. */
  #effectsTimer: Cancel | null = null;
  #opened: Opened | null = null;
  #closing: Promise<void> | null = null;
  #sweep: Promise<void> = Promise.resolve();

  constructor(disk: LevelDisk, options: StorageOptions) {
    this.#disk = disk;
    this.#options = options;
    this.#effectsDelayMs = options.effectsDelayMs ?? logLimits.effectsDelayMs;
  }

  async open(): Promise<StorageRestore> {
    if (this.#opened !== null || this.#closing !== null) throw stopped("storage is opened once");
    const disk = this.#disk;
    const lock = await disk.lock();
    let database: Database | null = null;
    try {
      const floor = await establishFloor(disk, await disk.verify());
      database = await disk.openDatabase();
      return await this.#restore(lock, database, floor);
    } catch (error) {
      await this.#abandon();
      await database?.close();
      await lock.release();
      throw storageError(disk.name, error);
    }
  }

  /**
   * After a failure or a call of `close` the change is dropped and `done` never runs: nothing may be acknowledged that
   * is not on disk. Throws ClusterError `storage-failed`, writing nothing, for a change that would damage the log.
   */
  write(change: StorageChange, done: () => void): void {
    const { stream, bounds } = this.#whole();
    if (stream.failure !== null || this.#closing !== null) return;
    bounds.admit(change);
    if (this.#effectsDelayMs > 0 && isEffectsAlone(change)) this.#gather(change.applied!, done);
    else {
      // What comes behind them must find them in front of it: it replaces the state or moves the applied index.
      if (change.installSnapshot !== undefined || change.applied !== undefined) this.#sendEffects();
      this.#send(change, done);
    }
  }

  async loadState(visit: (key: string, value: Uint8Array) => void): Promise<void> {
    await loadLevelState(this.#live().database, visit);
  }

  async openStateView(): Promise<StateView | null> {
    return await openLevelStateView(this.#live().database);
  }

  async scrub(pause: () => Promise<void>): Promise<void> {
    const { database } = this.#live();
    await scrubLog(database, pause);
    await this.#disk.scrubFiles(pause);
  }

  async beginStaging(): Promise<void> {
    const { stream, bounds, changes } = this.#live();
    if (stream.failure !== null) throw stream.failure;
    bounds.stagingBegun();
    const abandoned = changes.beginStaging();
    if (abandoned !== null) this.#sweepLater(abandoned);
  }

  async stage(records: readonly StateWrite[]): Promise<void> {
    const { changes } = this.#live();
    if (!changes.isStaging) {
      throw new ClusterError("storage-failed", "no snapshot is being staged");
    }
    await this.#submit((batch) => changes.stage(records, batch));
  }

  stats(): StorageStats {
    const { stream, changes } = this.#whole();
    return {
      queuedChanges: stream.queuedChanges,
      syncedBatches: stream.syncedBatches,
      logSizeBytes: changes.logSizeBytes,
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#opened === null ? Promise.resolve() : this.#close(this.#opened);
    return this.#closing;
  }

  async #close({ lock, database, stream, floor }: Opened): Promise<void> {
    try {
      this.#sendEffects();
      await stream.idle();
      await this.#sweep;
      await (stream.failure === null ? floor.close() : floor.abandon());
    } finally {
      await database.close();
      await lock.release();
    }
  }

  async #abandon(): Promise<void> {
    await this.#opened?.floor.abandon();
    this.#opened = null;
  }

  async #restore(lock: Lock, database: Database, written: Floor): Promise<StorageRestore> {
    const stored = await readStoredNode(database, written);
    const floor = new FloorKeeper(this.#disk, written, (error) => stream.fail(error));
    const stream: WriteStream = new WriteStream(this.#disk.name, database, stored.sequence, {
      landed: (batch) => {
        if (batch.point !== null) floor.advance(batch.point);
      },
      failed: (error) => this.#options.onFailure(error),
    });
    const changes = new LevelChanges(stored, () => floor.writtenSequence);
    const bounds = new LogBounds(stored.restore);
    this.#opened = { lock, database, stream, floor, bounds, changes };
    const incarnation = stored.restore.incarnation + 1;
    await this.#submit((batch) => {
      batch.record(prefix.incarnation, incarnation);
      batch.record(prefix.format, formatVersion);
    });
    for (const generation of await generationsOf(database, defaultGroup)) {
      if (generation !== stored.generation) await this.#sweepGeneration(generation);
    }
    return { ...stored.restore, incarnation };
  }

  /**
   * Nobody waits for them, and the log holds them until then: so they are written together, now and then. What is overwritten or goes
   * again meanwhile, as most messages of sessions do, is never written.
   */
  #gather(effects: AppliedEffects, done: () => void): void {
    const wasEmpty = this.#effects.isEmpty;
    this.#effects.add(effects, done);
    if (this.#effectsBound.isMet(effects, this.#effects.sizeBytes, wasEmpty)) this.#sendEffects();
    else if (this.#effectsTimer === null) {
      // As far apart as the turns that did not come: nodes that began to wait with the same entry would all write at once.
      const offsetMs = (effects.turn?.offset ?? 0) * logLimits.effectsRoundMs;
      const delayMs = this.#effectsDelayMs + offsetMs;
      this.#effectsTimer = this.#disk.after(delayMs, () => this.#sendEffects());
    }
  }

  #sendEffects(): void {
    this.#effectsTimer?.();
    this.#effectsTimer = null;
    const gathered = this.#effects.take();
    if (gathered === null || this.#whole().stream.failure !== null) return;
    const { applied, waiters } = gathered;
    const tell = (): void => {
      for (const done of waiters) done();
    };
    // They have waited as they were, and may wait on.
    this.#send({ groupId: defaultGroup, applied }, tell, true);
  }

  #send(change: StorageChange, done: () => void, isUnchanging = false): void {
    const { stream, changes } = this.#whole();
    const batch = stream.batch();
    const dropped = changes.add(change, batch, isUnchanging);
    const landed = dropped === null ? done : () => this.#dropGeneration(dropped, done);
    batch.close(changes.pointOf(batch), landed, null);
    stream.start();
  }

  /** Fills a batch of the stream and waits until it is on disk. Rejects when the stream failed. */
  #submit(fill: (batch: WriteBatch) => void): Promise<void> {
    const { stream, changes } = this.#live();
    return new Promise((resolve, reject) => {
      if (stream.failure !== null) throw stream.failure;
      const batch = stream.batch();
      fill(batch);
      batch.close(changes.pointOf(batch), resolve, reject);
      stream.start();
    });
  }

  #dropGeneration(generation: number, done: () => void): void {
    this.#sweepLater(generation);
    done();
  }

  /** Sweeps follow one another; what `close` or a failure interrupts is found by the next open. */
  #sweepLater(generation: number): void {
    this.#sweep = this.#sweep
      .then(() => this.#sweepGeneration(generation))
      .catch((error: Error) => this.#opened?.stream.fail(error));
  }

  async #sweepGeneration(generation: number): Promise<void> {
    if (this.#opened === null) return;
    const { database } = this.#opened;
    const range = stateRange(defaultGroup, generation);
    for await (const keys of keysInPieces(database, range, sweepKeysMax)) {
      if (this.#closing !== null) return;
      await this.#submit((batch) => {
        for (const key of keys) batch.delete(key);
      });
    }
  }

  #live(): Opened {
    if (this.#closing !== null) throw stopped("storage is closed");
    return this.#whole();
  }

  #whole(): Opened {
    if (this.#opened === null) throw stopped("storage is not open");
    return this.#opened;
  }
}

/** Effects alone: the entries that they follow from are on the disk, and nothing is said when they are, too. */
function isEffectsAlone({ applied, ...rest }: StorageChange): boolean {
  const { hardState, entries, compactTo, installSnapshot, nodeRecord } = rest;
  const others = [hardState, entries, compactTo, installSnapshot, nodeRecord];
  return applied !== undefined && others.every((other) => other === undefined);
}

function stopped(message: string): ClusterError {
  return new ClusterError("stopped", message);
}
