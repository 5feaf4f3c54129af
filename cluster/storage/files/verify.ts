import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { corrupt } from "../corrupt.ts";
import { damageOfLog, isTorn } from "./log-blocks.ts";
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
  const logs: number[] = [];
  for (const name of names) {
    const match = /^(\d+)\.(ldb|sst|log)$/.exec(name);
    if (match === null) continue;
    const number = Number(match[1]);
    if (match[2] === "log") {
      if (number >= live.logNumber || number === live.previousLogNumber) logs.push(number);
    } else if (live.tables.has(number)) {
      const damage = damageOfTable(await readFile(join(directory, name)));
      if (damage !== null) throw corrupt(name, null, damage);
    }
  }
  await checkLogs(directory, live, logs);
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

/** Throws ClusterError `storage-corrupt`. */
export async function readLiveFiles(directory: string): Promise<LiveFiles> {
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

/** Only the newest log may end in a torn write: the others were left for it when all their writes were synced. */
async function checkLogs(directory: string, live: LiveFiles, logs: number[]): Promise<void> {
  logs.sort((one, other) => one - other);
  if (live.logNumber > 0 && logs.length > 0 && !logs.includes(live.logNumber)) {
    throw corrupt(logName(live.logNumber), null, "missing, though a later log is there");
  }
  for (const number of logs) {
    const bytes = await readFile(join(directory, logName(number)));
    const damage = damageOfLog(bytes);
    if (damage === null || (number === logs.at(-1) && isTorn(bytes, damage))) continue;
    const reason = `damaged at byte ${damage.recordAt}, and not by a crash while it was written`;
    throw corrupt(logName(number), null, reason);
  }
}

function logName(number: number): string {
  return `${String(number).padStart(6, "0")}.log`;
}
