import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { corrupt } from "../corrupt.ts";
import { hasWriteBehind, scanLog } from "./log-blocks.ts";
import { type LiveFiles, readManifest } from "./manifest.ts";
import { damageOfTable } from "./table.ts";

/**
 * Reads every file that LevelDB is about to trust and checks the checksums in them, because LevelDB, as it can be opened
 * from Node, does not: a flipped bit in a log makes it drop records without a word, one in a table makes it
 * answer other bytes. Must run before it opens, since opening replays the log and deletes it.
 * Answers whether there is a database. Throws ClusterError `storage-corrupt` with the file concerned.
 */
export async function verifyDatabase(directory: string): Promise<boolean> {
  const names = await namesIn(directory);
  if (!names.includes("CURRENT")) return false;
  const live = await readLiveFiles(directory);
  for (const name of names) {
    const match = /^(\d+)\.(ldb|sst|log)$/.exec(name);
    if (match === null) continue;
    const number = Number(match[1]);
    if (match[2] === "log") {
      if (number >= live.logNumber || number === live.previousLogNumber) {
        checkLog(name, await readFile(join(directory, name)));
      }
    } else if (live.tables.has(number)) {
      const damage = damageOfTable(await readFile(join(directory, name)));
      if (damage !== null) throw corrupt(name, null, damage);
    }
  }
  return true;
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

async function readLiveFiles(directory: string): Promise<LiveFiles> {
  const name = (await readFile(join(directory, "CURRENT"), "utf8")).trimEnd();
  if (!/^MANIFEST-\d+$/.test(name)) throw corrupt("CURRENT", null, "names no manifest");
  let bytes: Buffer;
  try {
    bytes = await readFile(join(directory, name));
  } catch (error) {
    throw corrupt(name, null, "the manifest cannot be read", error);
  }
  try {
    return readManifest(bytes);
  } catch (error) {
    throw corrupt(name, null, (error as Error).message, error);
  }
}

function checkLog(name: string, bytes: Buffer): void {
  const { damagedAt } = scanLog(bytes);
  if (damagedAt !== null && hasWriteBehind(bytes, damagedAt)) {
    throw corrupt(name, null, `damaged at byte ${damagedAt}, with sound writes behind it`);
  }
}
