import { mkdir, readFile, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DiskSpace } from "./drivers/disk-watch.ts";
import { readKnownPeers } from "./drivers/known-peers.ts";
import { type NodeDirectory, type OpenedDirectory, openDirectory } from "./open-directory.ts";
import type { ClusterOptions } from "./options.ts";
import { syncDirectory } from "./storage/floor-file.ts";
import { LevelDirectoryDisk } from "./storage/level-disk.ts";
import { LevelStorage } from "./storage/level-storage.ts";
import { quarantine } from "./storage/quarantine.ts";
import { type Identity, loadIdentity, renewIdentity } from "./transport/identity.ts";

const condemnedName = "condemned";

/** `openDirectory` over the files of the data directory. */
export async function openDataDirectory(
  options: ClusterOptions,
): Promise<OpenedDirectory<Identity>> {
  const { dataDir, onFatal } = options;
  await mkdir(dataDir, { recursive: true });
  const directory: NodeDirectory<Identity, LevelStorage> = {
    name: dataDir,
    knownPeers: () => readKnownPeers(dataDir),
    condemnedFor: () => readCondemned(dataDir),
    storage: () =>
      new LevelStorage(new LevelDirectoryDisk(databasePath(dataDir)), { onFailure: onFatal }),
    identity: () => loadIdentity(dataDir),
    renewIdentity: (suffix) => renewIdentity(dataDir, suffix),
    setAside: (reason, wallMs) => quarantine(databasePath(dataDir), reason, wallMs),
  };
  return openDirectory(options, directory);
}

/** The running node found its own content wrong: the next start treats its database as damaged. */
export async function condemnDatabase(dataDir: string, reason: string): Promise<void> {
  const path = databasePath(dataDir);
  await writeFile(join(path, condemnedName), `${reason}\n`, { flush: true });
  // A mark that a power cut takes back would let wrong content vote again.
  await syncDirectory(path);
}

/** Rejects with the system's error. */
export async function diskSpaceOf(dataDir: string): Promise<DiskSpace> {
  const { bavail, blocks, bsize } = await statfs(dataDir);
  return { freeSizeBytes: bavail * bsize, totalSizeBytes: blocks * bsize };
}

/** The mark stands in the database's directory and moves away with it. */
async function readCondemned(dataDir: string): Promise<string | null> {
  try {
    return (await readFile(join(databasePath(dataDir), condemnedName), "utf8")).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

function databasePath(dataDir: string): string {
  return join(dataDir, "db");
}
