import { randomInt } from "node:crypto";
import { constants, write } from "node:fs";
import { type FileHandle, mkdir, open, readdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { corrupt } from "../corrupt.ts";
import { syncDirectory } from "../floor-file.ts";
import { type LogFileName, type LogFiles, logFileName, parseLogFileName } from "./files.ts";

const { O_APPEND, O_CREAT, O_EXCL, O_WRONLY, O_DSYNC } = constants;

/**
 * With O_DSYNC a write is durable when it returns: one task for the thread pool, where a write and a sync are two with a turn of a busy
 * event loop in between. Only where that is what `fdatasync` does, too: macOS leaves such writes in the disk's cache.
 */
const isWriteSynced = process.platform === "linux";

const saltMax = 2 ** 32;

/** Log files in a directory of their own, which holds nothing else. */
export class LogDirectory implements LogFiles {
  readonly #path: string;
  #newest: FileHandle | null = null;
  /** What is under way: the directory is not let go before. */
  #writing: Promise<void> = Promise.resolve();
  #hasRemoved = false;

  constructor(path: string) {
    this.#path = path;
  }

  async list(): Promise<LogFileName[]> {
    const names = (await this.#names()).flatMap((name) => parseLogFileName(name) ?? []);
    names.sort((one, other) => one.number - other.number);
    for (const [at, name] of names.entries()) {
      if (name.number === names[at - 1]?.number) {
        throw corrupt(logFileName(name), null, "two log files have the same number");
      }
    }
    return names;
  }

  read(name: LogFileName): Promise<Buffer> {
    return readFile(this.#pathOf(name));
  }

  create(name: LogFileName, content: Buffer): Promise<void> {
    return this.#noted(this.#create(name, content));
  }

  append(content: Buffer): Promise<void> {
    return this.#noted(this.#append(content));
  }

  async #create(name: LogFileName, content: Buffer): Promise<void> {
    await mkdir(this.#path, { recursive: true });
    // A process that was killed may have made it, too.
    if (this.#newest === null) await syncDirectory(dirname(this.#path));
    // One of the same number must not come back beside it.
    if (this.#hasRemoved) {
      this.#hasRemoved = false;
      await syncDirectory(this.#path);
    }
    const synced = isWriteSynced ? O_DSYNC : 0;
    const file = await open(this.#pathOf(name), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | synced);
    const previous = this.#newest;
    this.#newest = file;
    await previous?.close();
    await this.#append(content);
    await syncDirectory(this.#path);
  }

  async #append(content: Buffer): Promise<void> {
    const file = this.#newest!;
    await writeAll(file.fd, content);
    if (!isWriteSynced) await file.datasync();
  }

  async cut(name: LogFileName, sizeBytes: number): Promise<void> {
    const file = await open(this.#pathOf(name), "r+");
    try {
      await file.truncate(sizeBytes);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  async remove(name: LogFileName): Promise<void> {
    await rm(this.#pathOf(name), { force: true });
    this.#hasRemoved = true;
  }

  newSalt(): number {
    return randomInt(saltMax);
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#newest?.close();
    this.#newest = null;
  }

  #noted(writing: Promise<void>): Promise<void> {
    this.#writing = writing.catch(() => undefined);
    return writing;
  }

  async #names(): Promise<string[]> {
    try {
      return await readdir(this.#path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    }
  }

  #pathOf(name: LogFileName): string {
    return join(this.#path, logFileName(name));
  }
}

/** A full disk may take a part of a write before it refuses the rest. */
function writeAll(descriptor: number, content: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const writeFrom = (at: number): void => {
      write(descriptor, content, at, content.byteLength - at, null, (error, writtenSizeBytes) => {
        if (error !== null) reject(error);
        else if (at + writtenSizeBytes < content.byteLength) writeFrom(at + writtenSizeBytes);
        else resolve();
      });
    };
    writeFrom(0);
  });
}
