import { ClusterError } from "../errors.ts";
import { logLimits } from "../log-limits.ts";
import { defaultGroup, type LogIndex, type SnapshotPoint } from "../raft/types.ts";
import { EffectsGatherer } from "./effects-gatherer.ts";
import { establishFloor, type Floor } from "./floor-file.ts";
import { FloorKeeper } from "./floor-keeper.ts";
import { moveLog } from "./format-1.ts";
import { generationsOf, keysInPieces } from "./generations.ts";
import { formatVersion, prefix, stateRange } from "./keys.ts";
import type { LevelDisk } from "./level-disk.ts";
import { type Database, storageError } from "./level-open.ts";
import { loadLevelState, openLevelStateView } from "./level-state-view.ts";
import { LogBatch } from "./log/batch.ts";
import { LogBounds } from "./log/bounds.ts";
import { LogChanges } from "./log/changes.ts";
import type { LogFileName, LogFiles } from "./log/files.ts";
import { withoutTornFile } from "./log/reader.ts";
import { chainStart } from "./log/record.ts";
import { scrubLog } from "./log/scrub.ts";
import { LogWriter } from "./log/writer.ts";
import { read, readStoredNode } from "./restore.ts";
import { StateBatch } from "./state-batch.ts";
import { StateChanges } from "./state-changes.ts";
import type {
  ClusterStorage,
  NodeRecord,
  StateView,
  StateWrite,
  StorageChange,
  StorageOptions,
  StorageRestore,
  StorageStats,
} from "./storage.ts";
import { WriteStream } from "./write-stream.ts";

/** Keys deleted by one batch of a sweep: small beside what a busy node writes at the same time. */
const sweepKeysMax = 1_000;

type Lock = Awaited<ReturnType<LevelDisk["lock"]>>;

/** What exists between `open` and `close`. */
interface Opened {
  readonly lock: Lock;
  readonly database: Database;
  readonly files: LogFiles;
  readonly floor: FloorKeeper;
  readonly bounds: LogBounds;
  readonly log: { readonly stream: WriteStream<LogBatch>; readonly changes: LogChanges; readonly writer: LogWriter };
  readonly state: { readonly stream: WriteStream<StateBatch>; readonly changes: StateChanges };
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
  #hasFailed = false;
  #sweep: Promise<void> = Promise.resolve();
  #dropping: Promise<void> = Promise.resolve();

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
      return await this.#restore(lock, database, files, names, floor);
    } catch (error) {
      await this.#abandon();
      await files.close();
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
    const { bounds } = this.#whole();
    if (this.#failure() !== null || this.#closing !== null) return;
    bounds.admit(change);
    if (this.#effectsDelayMs > 0 && isEffectsAlone(change)) this.#effects.add(change.applied!, done);
    else {
      // What comes behind them must find them in front of it: it replaces the state or moves the applied index.
      if (change.installSnapshot !== undefined || change.applied !== undefined) this.#effects.flush();
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
    const { files, log } = this.#live();
    await scrubLog(files, log.writer, pause);
    await this.#disk.scrubFiles(pause);
  }

  async beginStaging(): Promise<void> {
    const { bounds, state } = this.#live();
    const failure = this.#failure();
    if (failure !== null) throw failure;
    bounds.stagingBegun();
    const abandoned = state.changes.beginStaging();
    if (abandoned !== null) this.#sweepLater(abandoned);
  }

  async stage(records: readonly StateWrite[]): Promise<void> {
    const { changes } = this.#live().state;
    if (!changes.isStaging) {
      throw new ClusterError("storage-failed", "no snapshot is being staged");
    }
    await this.#submit((batch) => changes.stage(records, batch));
  }

  stats(): StorageStats {
    const { log, state } = this.#whole();
    return {
      queuedChanges: log.stream.queuedChanges + state.stream.queuedChanges,
      syncedBatches: log.stream.syncedBatches + state.stream.syncedBatches,
      logSizeBytes: log.changes.sizeBytes,
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#opened === null ? Promise.resolve() : this.#close(this.#opened);
    return this.#closing;
  }

  async #close({ lock, database, files, log, state, floor }: Opened): Promise<void> {
    try {
      this.#effects.flush();
      await log.stream.idle();
      await state.stream.idle();
      await this.#sweep;
      await this.#dropping;
      await (this.#failure() === null ? floor.close() : floor.abandon());
    } finally {
      await files.close();
      await database.close();
      await lock.release();
    }
  }

  async #abandon(): Promise<void> {
    await this.#opened?.floor.abandon();
    this.#opened = null;
  }

  async #restore(
    lock: Lock,
    database: Database,
    files: LogFiles,
    names: readonly LogFileName[],
    written: Floor,
  ): Promise<StorageRestore> {
    const format = await read<number>(database, prefix.format);
    if (format === 1) {
      await moveLog(database, files, names, written);
      names = await files.list();
    } else if (format !== null && format !== formatVersion) throw unknownFormat(format);
    const stored = await readStoredNode(database, files, names, written);
    const { restore, state } = stored;
    const floor = new FloorKeeper(this.#disk, written, (error) => this.#fail(error));
    const logChanges = new LogChanges(stored.log, state.generation, () => floor.writtenSequence);
    const writer = new LogWriter(files, names, stored.log.files, logChanges.state());
    const common = {
      directory: this.#disk.name,
      failed: (error: Error) => this.#streamFailed(error),
    };
    const logStream = new WriteStream<LogBatch>({
      ...common,
      sequence: stored.log.sequence,
      batch: (sequence) => new LogBatch(sequence),
      write: (batch) => writer.write(batch),
      landed: ({ sequence, after: { index, chain } }) =>
        floor.advance({ sequence, lastIndex: index, chain }),
    });
    const stateStream = new WriteStream<StateBatch>({
      ...common,
      sequence: state.sequence,
      batch: (sequence) => new StateBatch(sequence),
      write: (batch) => database.write(batch.operations(), { sync: true }),
      landed: ({ sequence }) => floor.advance({ stateSequence: sequence }),
    });
    this.#opened = {
      lock,
      database,
      files,
      floor,
      bounds: new LogBounds(restore),
      log: { stream: logStream, changes: logChanges, writer },
      state: { stream: stateStream, changes: new StateChanges(state.generation) },
    };
    await writer.begin(stored.log.sequence);
    for (const name of names) {
      if (!writer.files.some((file) => file.name.number === name.number)) await files.remove(name);
    }
    const incarnation = restore.incarnation + 1;
    await this.#submit((batch) => {
      batch.record(prefix.incarnation, incarnation);
      batch.record(prefix.format, formatVersion);
    });
    for (const generation of await generationsOf(database, defaultGroup)) {
      if (generation !== state.generation) await this.#sweepGeneration(generation);
    }
    return { ...restore, incarnation };
  }

  #send(change: StorageChange, done: () => void, isUnchanging = false): void {
    if (this.#failure() !== null) return;
    const { installSnapshot, ...others } = change;
    const { nodeRecord, ...withoutNode } = others;
    const rest = installSnapshot === undefined ? others : withoutNode;
    const isForState = hasStatePart(rest);
    const isForLog = hasLogPart(rest) || !isForState;
    const parts = Number(isForLog || installSnapshot !== undefined) + Number(isForState);
    const told = afterAll(parts, done);
    if (installSnapshot !== undefined) this.#install(installSnapshot, nodeRecord, rest, told);
    else if (isForLog) this.#sendLog(rest, told);
    if (isForState) this.#sendState(rest, told, isUnchanging);
  }

  #sendLog(change: StorageChange, done: () => void): void {
    const { stream } = this.#whole().log;
    this.#fillLog(stream.batch(), change, done);
  }

  #fillLog(batch: LogBatch, { entries, hardState }: StorageChange, done: () => void): void {
    const { stream, changes } = this.#whole().log;
    if (entries !== undefined) changes.append(entries, batch);
    if (hardState !== undefined) changes.setHardState(hardState, batch);
    batch.close(changes.state());
    batch.join(done, null);
    stream.start();
  }

  #sendState(change: StorageChange, done: () => void, isUnchanging: boolean): void {
    const { log, state } = this.#whole();
    const { applied, compactTo, nodeRecord } = change;
    const batch = state.stream.batch();
    let landed = done;
    if (applied !== undefined) {
      const entries = log.stream.whenLanded();
      if (entries !== null) batch.waitFor(entries);
      state.changes.apply(applied, batch, isUnchanging);
    }
    if (compactTo !== undefined && compactTo.index >= log.changes.baseIndex) {
      const { index } = compactTo;
      state.changes.putPoint(compactTo, log.changes.chainAt(index), batch);
      log.changes.dropThrough(index);
      landed = () => {
        this.#dropLog(index);
        done();
      };
    }
    if (nodeRecord !== undefined) state.changes.putNode(nodeRecord, batch);
    batch.join(landed, null);
    state.stream.start();
  }

  /** The batch of the state takes nothing more: what came behind might wait for the log that waits for it. */
  #install(
    point: SnapshotPoint,
    nodeRecord: NodeRecord | undefined,
    rest: StorageChange,
    done: () => void,
  ): void {
    const { log, state } = this.#whole();
    const stateBatch = state.stream.batch();
    const dropped = state.changes.install(point, chainHex(chainStart), stateBatch);
    // Whoever has a log is known by name.
    if (nodeRecord !== undefined) state.changes.putNode(nodeRecord, stateBatch);
    stateBatch.seal();
    const installed = state.stream.whenLanded();
    state.stream.start();
    const logBatch = log.stream.newBatch();
    if (installed !== null) logBatch.waitFor(installed);
    log.changes.restart(point.index, state.changes.generation, logBatch);
    this.#fillLog(logBatch, rest, () => {
      this.#sweepLater(dropped);
      this.#dropLog(point.index);
      done();
    });
  }

  /** Fills a batch of the state's stream and waits until it is on disk. Rejects when the stream failed. */
  #submit(fill: (batch: StateBatch) => void): Promise<void> {
    const { stream } = this.#live().state;
    return new Promise((resolve, reject) => {
      if (stream.failure !== null) throw stream.failure;
      const batch = stream.batch();
      fill(batch);
      batch.join(resolve, reject);
      stream.start();
    });
  }

  /** Files of the log that the state stands for. */
  #dropLog(index: LogIndex): void {
    const { writer } = this.#whole().log;
    this.#dropping = this.#dropping
      .then(() => writer.dropThrough(index))
      .catch((error: Error) => this.#fail(error));
  }

  /** Sweeps follow one another; what `close` or a failure interrupts is found by the next open. */
  #sweepLater(generation: number): void {
    this.#sweep = this.#sweep
      .then(() => this.#sweepGeneration(generation))
      .catch((error: Error) => this.#fail(error));
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

  #failure(): Error | null {
    const { log, state } = this.#whole();
    return log.stream.failure ?? state.stream.failure;
  }

  /** Both streams end with the first failure of either, which is told once. */
  #fail(error: Error): void {
    this.#opened?.log.stream.fail(error);
  }

  #streamFailed(error: Error): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
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

function hasLogPart({ hardState, entries }: StorageChange): boolean {
  return hardState !== undefined || entries !== undefined;
}

function hasStatePart({ applied, compactTo, nodeRecord }: StorageChange): boolean {
  return applied !== undefined || compactTo !== undefined || nodeRecord !== undefined;
}

/** Effects alone: the entries that they follow from are on the disk, and nothing is said when they are, too. */
function isEffectsAlone({ applied, ...rest }: StorageChange): boolean {
  const { hardState, entries, compactTo, installSnapshot, nodeRecord } = rest;
  const others = [hardState, entries, compactTo, installSnapshot, nodeRecord];
  return applied !== undefined && others.every((other) => other === undefined);
}

/** Calls `done` when it was called so many times. */
function afterAll(count: number, done: () => void): () => void {
  if (count === 1) return done;
  let left = count;
  return () => {
    left--;
    if (left === 0) done();
  };
}

function chainHex(chain: Uint8Array): string {
  return Buffer.from(chain).toString("hex");
}

function stopped(message: string): ClusterError {
  return new ClusterError("stopped", message);
}

function unknownFormat(format: number): ClusterError {
  return new ClusterError(
    "version-mismatch",
    `the database has format ${format}, this version reads ${formatVersion}`,
    { format, formatVersion },
  );
}
