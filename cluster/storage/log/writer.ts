import { logLimits } from "../../log-limits.ts";
import type { LogIndex } from "../../raft/types.ts";
import { jsonPart, type LogBatch } from "./batch.ts";
import type { LogFileName, LogFiles, LogStart } from "./files.ts";
import { encodeFrame, PartKind } from "./frame.ts";
import type { LogFile } from "./reader.ts";

/** Writes batches into files, one after the other, and removes files that are no longer needed. Rejects with the system's error. */
export class LogWriter {
  readonly #files: LogFiles;
  #kept: LogFile[];
  #number: number;
  /** As of the last batch on disk. */
  #state: LogStart;

  /** `names`: all that are there; of those, `kept` are needed. */
  constructor(
    files: LogFiles,
    names: readonly LogFileName[],
    kept: readonly LogFile[],
    state: LogStart,
  ) {
    this.#files = files;
    this.#kept = [...kept];
    this.#number = names.at(-1)?.number ?? 0;
    this.#state = state;
  }

  /** The files that the log stands in, and how much of each is durable. */
  get files(): readonly LogFile[] {
    return this.#kept;
  }

  /** A file of its own for each process, so that nothing is written behind what a crash left. `sequence` is that of the last batch. */
  async begin(sequence: number): Promise<void> {
    await this.#create(this.#state, sequence, null);
  }

  async write(batch: LogBatch): Promise<void> {
    const newest = this.#kept.at(-1)!;
    const { sequence, begin } = batch;
    if (begin !== null || newest.sizeBytes >= logLimits.logFileSizeBytesMax) {
      await this.#create(begin ?? this.#state, sequence - 1, batch);
    } else {
      const frame = encodeFrame(batch.parts(), sequence, newest.name.salt);
      await this.#files.append(frame);
      this.#kept[this.#kept.length - 1] = {
        ...newest,
        sizeBytes: newest.sizeBytes + frame.byteLength,
      };
    }
    this.#state = batch.after;
  }

  /** State stands for the log up to `index`, durably. */
  async dropThrough(index: LogIndex): Promise<void> {
    const { generation } = this.#state;
    const first = this.#kept.findLastIndex(
      ({ start }) => start.generation === generation && start.index <= index,
    );
    if (first <= 0) return;
    const dropped = this.#kept.slice(0, first);
    this.#kept = this.#kept.slice(first);
    for (const { name } of dropped) await this.#files.remove(name);
  }

  async #create(start: LogStart, sequence: number, batch: LogBatch | null): Promise<void> {
    const name = { number: this.#number + 1, salt: this.#files.newSalt() };
    const frames = [encodeFrame([jsonPart(PartKind.start, start)], sequence, name.salt)];
    if (batch !== null) frames.push(encodeFrame(batch.parts(), batch.sequence, name.salt));
    const content = Buffer.concat(frames);
    await this.#files.create(name, content);
    this.#number++;
    this.#kept.push({ name, start, sizeBytes: content.byteLength });
  }
}
