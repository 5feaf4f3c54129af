import { ClusterError } from "../errors.ts";
import { logLimits } from "../log-limits.ts";
import { defaultGroup, type SnapshotPoint } from "../raft/types.ts";
import { EffectsGatherer } from "./effects-gatherer.ts";
import { establishFloor, type Floor } from "./floor-file.ts";
import { FloorKeeper } from "./floor-keeper.ts";
import { moveLog } from "./format-1.ts";
import { formatVersion, prefix } from "./keys.ts";
import type { LevelDisk } from "./level-disk.ts";
import { type Database, storageError } from "./level-open.ts";
import { loadLevelState, openLevelStateView } from "./level-state-view.ts";
import { LogBounds } from "./log/bounds.ts";
import type { LogFileName, LogFiles } from "./log/files.ts";
import { LogStore } from "./log/log-store.ts";
import { withoutTornFile } from "./log/read-log.ts";
import { chainStart } from "./log/record.ts";
import { read, readStoredNode } from "./restore.ts";
import { StateStore } from "./state-store.ts";
import type {
  ClusterStorage,
  StateView,
  StateWrite,
  StorageChange,
  StorageOptions,
  StorageRestore,
  StorageStats,
} from "./storage.ts";

type Lock = Awaited<ReturnType<LevelDisk["lock"]>>;

/** What is held between `open` and `close`. */
interface Held {
  readonly lock: Lock;
  readonly files: LogFiles;
  readonly database: Database;
}

interface Opened extends Held {
  readonly floor: FloorKeeper;
  readonly bounds: LogBounds;
  readonly log: LogStore;
  readonly state: StateStore;
}

/**
 * The node's memory on a disk of its own: the log in files of its own, all other state in LevelDB. One instance is opened once.
 *
 * Each has a write stream. Effects reach the database when the entries that they follow from are in the log, so that the log is never behind; an
 * installed snapshot reaches it before the log that begins there, which the generation of the state tells.
 */
export class LevelStorage implements ClusterStorage {
  readonly #disk: LevelDisk;
  readonly #options: StorageOptions;
  readonly #effects: EffectsGatherer;
  readonly #effectsDelayMs: number;
  #opened: Opened | null = null;
  #closing: Promise<void> | null = null;
  #failure: Error | null = null;

  constructor(disk: LevelDisk, options: StorageOptions) {
    this.#disk = disk;
    this.#options = options;
    this.#effectsDelayMs = options.effectsDelayMs ?? logLimits.effectsDelayMs;
    // They have waited as they were, and may wait on.
    this.#effects = new EffectsGatherer(disk, this.#effectsDelayMs, (effects, done) =>
      this.#send({ groupId: defaultGroup, applied: effects }, done, true),
    );
  }

  async open(): Promise<StorageRestore> {
    if (this.#opened !== null || this.#closing !== null) throw stopped("storage is opened once");
    const disk = this.#disk;
    const lock = await disk.lock();
    const files = disk.logFiles();
    let database: Database | null = null;
    try {
      const hasDatabase = await disk.verify();
      const names = await withoutTornFile(files, await files.list());
      const floor = await establishFloor(disk, hasDatabase);
      database = await disk.openDatabase();
      const held = { lock, files, database };
      return await this.#restore(held, await currentNames(held, names, floor), floor);
    } catch (error) {
      await this.#abandon();
      await letGo({ lock, files, database });
      throw storageError(disk.name, error);
    }
  }

  /**
   * After a failure or a call of `close` the change is dropped and `done` never runs: nothing may be acknowledged that
   * is not on disk. Throws ClusterError `storage-failed`, writing nothing, for a change that would damage the log.
   */
  write(change: StorageChange, done: () => void): void {
    const { bounds } = this.#whole();
    if (this.#failure !== null || this.#closing !== null) return;
    bounds.admit(change);
    const { applied, installSnapshot } = change;
    if (this.#effectsDelayMs > 0 && isEffectsAlone(change)) this.#effects.add(applied!, done);
    else {
      // What comes behind them must find them in front of it: it replaces the state or moves the applied index.
      if (installSnapshot !== undefined || applied !== undefined) this.#effects.flush();
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
    await this.#live().log.scrub(pause);
    await this.#disk.scrubFiles(pause);
  }

  async beginStaging(): Promise<void> {
    const { bounds, state } = this.#live();
    state.beginStaging();
    bounds.stagingBegun();
  }

  async stage(records: readonly StateWrite[]): Promise<void> {
    await this.#live().state.stage(records);
  }

  stats(): StorageStats {
    const { log, state } = this.#whole();
    return {
      queuedChanges: log.stream.queuedChanges + state.stream.queuedChanges,
      syncedBatches: log.stream.syncedBatches + state.stream.syncedBatches,
      logSizeBytes: log.sizeBytes,
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#opened === null ? Promise.resolve() : this.#close(this.#opened);
    return this.#closing;
  }

  async #close(opened: Opened): Promise<void> {
    const { log, state, floor } = opened;
    try {
      this.#effects.flush();
      state.stopSweeping();
      await log.stream.idle();
      await state.idle();
      await log.idle();
      await (this.#failure === null ? floor.close() : floor.abandon());
    } finally {
      await letGo(opened);
    }
  }

  async #abandon(): Promise<void> {
    await this.#opened?.floor.abandon();
    this.#opened = null;
  }

  async #restore(
    held: Held,
    names: readonly LogFileName[],
    written: Floor,
  ): Promise<StorageRestore> {
    const { database, files } = held;
    const stored = await readStoredNode(database, files, names, written);
    const { sequence, generation } = stored.state;
    const directory = this.#disk.name;
    const failed = (error: Error): void => this.#fail(error);
    const floor = new FloorKeeper(this.#disk, written, (error) => log.stream.fail(error));
    const log: LogStore = new LogStore({
      ...{ files, names, stored: stored.log, generation, directory, failed },
      floorSequence: () => floor.writtenSequence,
      landed: ({ sequence: number, after: { index, chain } }) =>
        floor.advance({ sequence: number, lastIndex: index, chain }),
    });
    const state = new StateStore({
      ...{ database, sequence, generation, directory, failed },
      landed: (batch) => floor.advance({ stateSequence: batch.sequence }),
    });
    this.#opened = { ...held, floor, bounds: new LogBounds(stored.restore), log, state };
    await log.begin();
    const incarnation = stored.restore.incarnation + 1;
    await state.submit((batch) => {
      batch.record(prefix.incarnation, incarnation);
      batch.record(prefix.format, formatVersion);
    });
    await state.sweepOthers();
    return { ...stored.restore, incarnation };
  }

  #send(change: StorageChange, done: () => void, isUnchanging = false): void {
    if (this.#failure !== null) return;
    const { entries, hardState, installSnapshot } = change;
    if (installSnapshot !== undefined) this.#install(installSnapshot, change, done);
    else if (!hasStatePart(change)) this.#whole().log.append(change, done);
    else if (entries === undefined && hardState === undefined) {
      this.#sendState(change, done, isUnchanging);
    } else {
      const told = afterBoth(done);
      this.#whole().log.append(change, told);
      this.#sendState(change, told, isUnchanging);
    }
  }

  #sendState(change: StorageChange, done: () => void, isUnchanging: boolean): void {
    const { log, state } = this.#whole();
    const { applied, compactTo, nodeRecord } = change;
    if (applied !== undefined) state.apply(applied, log.stream.whenLanded(), isUnchanging);
    if (nodeRecord !== undefined) state.putNode(nodeRecord);
    if (compactTo === undefined || compactTo.index < log.baseIndex) return state.send(done);
    const { index } = compactTo;
    state.putPoint(compactTo, log.chainAt(index));
    log.compact(index);
    state.send(() => {
      log.dropFiles(index);
      done();
    });
  }

  #install(point: SnapshotPoint, change: StorageChange, done: () => void): void {
    const { log, state } = this.#whole();
    const { nodeRecord, applied, compactTo } = change;
    // Whoever has a log is known by name.
    if (nodeRecord !== undefined) state.putNode(nodeRecord);
    const { installed, dropped } = state.install(point, Buffer.from(chainStart).toString("hex"));
    const isMore = applied !== undefined || compactTo !== undefined;
    const told = isMore ? afterBoth(done) : done;
    log.restart(point, state.generation, installed, change, () => {
      state.sweepLater(dropped);
      log.dropFiles(point.index);
      told();
    });
    if (!isMore) return;
    const { installSnapshot: _, nodeRecord: __, ...rest } = change;
    this.#sendState(rest, told, false);
  }

  /** Both streams end with the first failure of either, which is told once. */
  #fail(error: Error): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    this.#options.onFailure(error);
    this.#opened?.log.stream.fail(error);
    this.#opened?.state.stream.fail(error);
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

/** The lock last, and whatever happens to the others. */
async function letGo({
  lock,
  files,
  database,
}: Omit<Held, "database"> & { readonly database: Database | null }): Promise<void> {
  const closed = await Promise.allSettled([files.close(), database?.close()]);
  await lock.release();
  for (const result of closed) if (result.status === "rejected") throw result.reason;
}

/** The log's files, which those of format 1 do not have yet. Throws ClusterError `version-mismatch`, `storage-corrupt`. */
async function currentNames(
  { database, files }: Held,
  names: readonly LogFileName[],
  floor: Floor,
): Promise<readonly LogFileName[]> {
  const format = await read<number>(database, prefix.format);
  if (format === null || format === formatVersion) return names;
  if (format !== 1) {
    throw new ClusterError(
      "version-mismatch",
      `the database has format ${format}, this version reads 1 and ${formatVersion}`,
      { format, formatVersion },
    );
  }
  await moveLog(database, files, names, floor);
  return files.list();
}

function hasStatePart({ applied, compactTo, nodeRecord }: StorageChange): boolean {
  return applied !== undefined || compactTo !== undefined || nodeRecord !== undefined;
}

/** Effects alone: the entries that they follow from are on the disk, and nothing is said when they are, too. */
function isEffectsAlone(change: StorageChange): boolean {
  const { groupId: _, applied, ...rest } = change;
  return applied !== undefined && Object.values(rest).every((other) => other === undefined);
}

/** Calls `done` when it was called twice. */
function afterBoth(done: () => void): () => void {
  let isFirst = true;
  return () => {
    if (!isFirst) done();
    isFirst = false;
  };
}

function stopped(message: string): ClusterError {
  return new ClusterError("stopped", message);
}
