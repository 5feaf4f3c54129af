import { join } from "node:path";
import type { Cancel } from "../ports.ts";
import { lockDirectory } from "./directory-lock.ts";
import { verifyDatabase } from "./files/verify.ts";
import { type Floor, readFloor, writeFloor } from "./floor-file.ts";
import { type Database, openLevel } from "./level-open.ts";
import { LogDirectory } from "./log/directory.ts";
import type { LogFiles } from "./log/files.ts";
import { scrubTables } from "./scrub-tables.ts";

/** Where a LevelStorage keeps what it writes: a directory, or the disk of a simulation. */
export interface LevelDisk {
  /** Stands in error messages. */
  readonly name: string;
  /** Holds the disk for this process. Throws ClusterError `storage-locked` or `storage-failed`. */
  lock(): Promise<{ release(): Promise<void> }>;
  /**
   * Checks what the database will trust, before it is opened; answers whether there is one. Throws ClusterError
   * `storage-corrupt`.
   */
  verify(): Promise<boolean>;
  openDatabase(): Promise<Database>;
  logFiles(): LogFiles;
  /** `null` when there is none. Throws ClusterError `storage-corrupt` when it is damaged. */
  readFloor(): Promise<Floor | null>;
  /** Resolves when the floor is durable, whole. */
  writeFloor(floor: Floor): Promise<void>;
  /** Checks the files of the open database. Throws ClusterError `storage-corrupt`. */
  scrubFiles(pause: () => Promise<void>): Promise<void>;
  /** For the floor, which is written now and then. */
  after(delayMs: number, run: () => void): Cancel;
}

/** A directory with `log/`, `database/` (LevelDB), `floor` (what both must at least hold) and `lock/`. */
export class LevelDirectoryDisk implements LevelDisk {
  readonly name: string;

  constructor(directory: string) {
    this.name = directory;
  }

  lock(): Promise<{ release(): Promise<void> }> {
    return lockDirectory(this.name);
  }

  verify(): Promise<boolean> {
    return verifyDatabase(this.#databasePath);
  }

  openDatabase(): Promise<Database> {
    return openLevel(this.#databasePath);
  }

  logFiles(): LogFiles {
    return new LogDirectory(join(this.name, "log"));
  }

  readFloor(): Promise<Floor | null> {
    return readFloor(this.name);
  }

  writeFloor(floor: Floor): Promise<void> {
    return writeFloor(this.name, floor);
  }

  scrubFiles(pause: () => Promise<void>): Promise<void> {
    return scrubTables(this.#databasePath, pause);
  }

  after(delayMs: number, run: () => void): Cancel {
    const timer = setTimeout(run, delayMs).unref();
    return () => clearTimeout(timer);
  }

  get #databasePath(): string {
    return join(this.name, "database");
  }
}
