import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LevelDirectoryDisk } from "../../cluster/storage/level-disk.ts";
import { LevelStorage } from "../../cluster/storage/level-storage.ts";
import { MemoryDisk } from "../../cluster/storage/memory-disk.ts";
import { MemoryStorage } from "../../cluster/storage/memory-storage.ts";
import type { ClusterStorage } from "../../cluster/storage/storage.ts";
import { describeClusterStorage } from "./cluster-storage.suite.ts";

/** The files as they are while the database is open: what a killed process leaves behind. */
describeClusterStorage("LevelStorage", async () => {
  const root = await mkdtemp(join(tmpdir(), "flockmq-storage-"));
  let directory = join(root, "0");
  let crashes = 0;
  let current: ClusterStorage | null = null;
  return {
    next(onFailure = () => {}) {
      current = new LevelStorage(new LevelDirectoryDisk(directory), { onFailure });
      return current;
    },
    async crash() {
      crashes++;
      const copy = join(root, String(crashes));
      await cp(directory, copy, { recursive: true });
      await current?.close();
      directory = copy;
    },
    async dispose() {
      await rm(root, { recursive: true });
    },
  };
});

describeClusterStorage("MemoryStorage", async () => {
  const disk = new MemoryDisk();
  let current: MemoryStorage | null = null;
  return {
    next(onFailure = () => {}) {
      current = new MemoryStorage(queueMicrotask, { onFailure }, disk);
      return current;
    },
    async crash() {
      current?.crash();
    },
    async dispose() {},
  };
});
