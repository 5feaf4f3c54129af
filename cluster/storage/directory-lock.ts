import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { Level } from "level";
import { ClusterError } from "../errors.ts";
import { locked } from "./level-open.ts";

/**
 * Holds a data directory for this process. The database's own lock is not enough: opening it replays and then deletes
 * its log, so that its files must be checked before, and that only while nobody writes them. Node cannot lock files,
 * LevelDB can: an empty database beside the real one is the lock, and the system drops it when the process dies.
 */
export class DirectoryLock {
  readonly #level: Level;

  constructor(level: Level) {
    this.#level = level;
  }

  async release(): Promise<void> {
    await this.#level.close();
  }
}

/** Creates the directory if needed. Throws ClusterError `storage-locked` or `storage-failed`. */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const path = join(directory, "lock");
  try {
    await mkdir(path, { recursive: true });
    return await take(path);
  } catch (error) {
    if (isLocked(error)) throw locked(directory, (error as Error).cause);
  }
  // LevelDB locks before it reads: nobody holds the damaged lock, nothing is stored in it, so it is made anew.
  try {
    await rm(path, { recursive: true, force: true });
    await mkdir(path, { recursive: true });
    return await take(path);
  } catch (error) {
    if (isLocked(error)) throw locked(directory, (error as Error).cause);
    // LevelDB's own words are in the cause; the error around it says no more than that it failed.
    const reason = (((error as Error).cause ?? error) as Error).message;
    const details = { directory, reason };
    throw new ClusterError("storage-failed", `cannot lock ${directory}: ${reason}`, details, error);
  }
}

async function take(path: string): Promise<DirectoryLock> {
  const level = new Level(path);
  await level.open();
  return new DirectoryLock(level);
}

function isLocked(error: unknown): boolean {
  const cause = (error as Error).cause ?? error;
  return (cause as { code?: unknown }).code === "LEVEL_LOCKED";
}
