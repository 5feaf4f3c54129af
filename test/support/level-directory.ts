import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LevelDirectoryDisk } from "../../cluster/storage/level-disk.ts";
import { LevelStorage } from "../../cluster/storage/level-storage.ts";
import { parseLogFileName } from "../../cluster/storage/log/files.ts";
import { applied, entries, written } from "./storage-changes.ts";

/** A data directory for tests about damage; `copy` gives a fresh one to damage, leaving this one whole. */
export class LevelDirectory {
  readonly root: string;
  readonly path: string;
  #copies = 0;

  constructor(root: string) {
    this.root = root;
    this.path = join(root, "node");
  }

  static async make(): Promise<LevelDirectory> {
    return new LevelDirectory(await mkdtemp(join(tmpdir(), "flockmq-level-")));
  }

  /** Effects are written at once unless a delay is given. */
  storage(onFailure: (error: Error) => void = () => {}, effectsDelayMs = 0): LevelStorage {
    return new LevelStorage(new LevelDirectoryDisk(this.path), { onFailure, effectsDelayMs });
  }

  async copy(): Promise<LevelDirectory> {
    this.#copies++;
    const copy = new LevelDirectory(join(this.root, `copy-${this.#copies}`));
    await cp(this.path, copy.path, { recursive: true });
    return copy;
  }

  async databaseFiles(pattern: RegExp): Promise<string[]> {
    const names = await readdir(join(this.path, "database"));
    return names.filter((name) => pattern.test(name)).sort();
  }

  /** Of Raft's log, in their order. */
  async logFiles(): Promise<string[]> {
    return (await readdir(join(this.path, "log"))).sort();
  }

  /** Of a file of the log or of the database. */
  pathOf(name: string): string {
    return join(this.path, parseLogFileName(name) === null ? "database" : "log", name);
  }

  async flip(name: string, offset: number, mask = 0x10): Promise<void> {
    const path = this.pathOf(name);
    const content = await readFile(path);
    content[offset]! ^= mask;
    await writeFile(path, content);
  }

  async remove(): Promise<void> {
    await rm(this.root, { recursive: true });
  }
}

/**
 * A log of twelve batches: entries 1..60, applied to 50, with a state that every batch changes. Some batches only
 * apply, so that losing one leaves no hole in the log.
 */
export async function fill(storage: LevelStorage): Promise<Record<string, string>> {
  const state: Record<string, string> = {};
  for (let round = 0; round < 6; round++) {
    const last = (round + 1) * 10;
    await written(storage, {
      hardState: { term: 1, vote: null, commit: last },
      entries: entries(last - 9, last),
    });
    const writes = { [`key ${round}`]: `value ${round}`, latest: `round ${round}` };
    Object.assign(state, writes);
    await written(storage, { applied: applied(Math.min(last, 50), writes) });
  }
  return state;
}
