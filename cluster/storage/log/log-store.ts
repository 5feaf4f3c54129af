import type { LogIndex, SnapshotPoint } from "../../raft/types.ts";
import type { StorageChange } from "../storage.ts";
import { WriteStream, type WriteStreamEvents } from "../write-stream.ts";
import { LogBatch } from "./batch.ts";
import { LogChanges } from "./changes.ts";
import type { LogFileName, LogFiles } from "./files.ts";
import type { StoredLog } from "./read-log.ts";
import { scrubLog } from "./scrub.ts";
import { LogWriter } from "./writer.ts";

type LogPart = Pick<StorageChange, "entries" | "hardState">;

export interface LogStoreOptions extends WriteStreamEvents<LogBatch> {
  readonly files: LogFiles;
  /** All that are there. */
  readonly names: readonly LogFileName[];
  readonly stored: StoredLog;
  /** Of the state. */
  readonly generation: number;
  /** The log's batch that the floor on disk stands for. */
  readonly floorSequence: () => number;
}

/** The log of an open storage: what it is once all that was handed over is on disk, and its one write stream. */
export class LogStore {
  readonly #files: LogFiles;
  readonly #names: readonly LogFileName[];
  readonly #changes: LogChanges;
  readonly #writer: LogWriter;
  readonly #sequence: number;
  readonly stream: WriteStream<LogBatch>;
  #dropping: Promise<void> = Promise.resolve();

  constructor(options: LogStoreOptions) {
    const { files, names, stored, generation, floorSequence, ...events } = options;
    this.#files = files;
    this.#names = names;
    this.#sequence = stored.sequence;
    this.#changes = new LogChanges(stored, generation, floorSequence);
    const writer = new LogWriter(files, names, stored.files, this.#changes.state());
    this.#writer = writer;
    this.stream = new WriteStream<LogBatch>({
      ...events,
      sequence: stored.sequence,
      batch: (sequence) => new LogBatch(sequence),
      write: (batch) => writer.write(batch),
    });
  }

  get sizeBytes(): number {
    return this.#changes.sizeBytes;
  }

  get baseIndex(): LogIndex {
    return this.#changes.baseIndex;
  }

  /** From baseIndex to the last index, hex. */
  chainAt(index: LogIndex): string {
    return this.#changes.chainAt(index);
  }

  /** Begins the file of this process, and removes those that a crash left. */
  async begin(): Promise<void> {
    await this.#writer.begin(this.#sequence);
    const kept = new Set(this.#writer.files.map(({ name }) => name.number));
    for (const name of this.#names) if (!kept.has(name.number)) await this.#files.remove(name);
  }

  append(part: LogPart, done: () => void): void {
    this.#fill(this.stream.batch(), part, done);
  }

  /** A snapshot of this generation replaces state and log, once it is `installed`. */
  restart(
    point: Pick<SnapshotPoint, "index" | "term">,
    generation: number,
    installed: Promise<void> | null,
    part: LogPart,
    done: () => void,
  ): void {
    const batch = this.stream.newBatch();
    if (installed !== null) batch.waitFor(installed);
    this.#changes.restart(point, generation, batch);
    this.#fill(batch, part, done);
  }

  /** State will stand for the log up to `index`. */
  compact(index: LogIndex): void {
    this.#changes.dropThrough(index);
  }

  /** It does so, durably: files without anything behind `index` go. */
  dropFiles(index: LogIndex): void {
    this.#dropping = this.#dropping
      .then(() => this.#writer.dropThrough(index))
      .catch((error: Error) => this.stream.fail(error));
  }

  scrub(pause: () => Promise<void>): Promise<void> {
    return scrubLog(this.#files, this.#writer, pause);
  }

  /** Waits for what was handed over. */
  async idle(): Promise<void> {
    await this.stream.idle();
    await this.#dropping;
  }

  #fill(batch: LogBatch, { entries, hardState }: LogPart, done: () => void): void {
    if (entries !== undefined) this.#changes.append(entries, batch);
    if (hardState !== undefined) this.#changes.setHardState(hardState, batch);
    batch.close(this.#changes.state());
    batch.join(done, null);
    this.stream.start();
  }
}
