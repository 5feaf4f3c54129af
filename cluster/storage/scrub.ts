import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { defaultGroup } from "../raft/types.ts";
import { corrupt } from "./corrupt.ts";
import { damageOfTable } from "./files/table.ts";
import { readLiveFiles } from "./files/verify.ts";
import { groupKey, logKey, logRange } from "./keys.ts";
import type { Database } from "./level-open.ts";
import { chainStart, decodeLogRecord } from "./log-record.ts";
import type { SnapshotRecord } from "./records.ts";
import { unsealJson } from "./sealed.ts";

const recordsPerRead = 64;

/**
 * Reads the log of an open database as of one moment and checks what `open` checks of it. `pause` is awaited between
 * pieces. Throws ClusterError `storage-corrupt`.
 */
export async function scrubLog(database: Database, pause: () => Promise<void>): Promise<void> {
  const snapshot = database.snapshot();
  const key = groupKey("snapshot", defaultGroup);
  const iterator = database.iterator({ ...logRange(defaultGroup), snapshot });
  try {
    const sealed = await database.get(key, { snapshot });
    const point = sealed === undefined ? null : unsealJson<SnapshotRecord>(key, sealed);
    let index = point?.index ?? 0;
    let chain = point === null ? chainStart : Buffer.from(point.chain, "hex");
    for (;;) {
      const records = await iterator.nextv(recordsPerRead);
      if (records.length === 0) return;
      for (const [found, stored] of records) {
        index++;
        const expected = logKey(defaultGroup, index);
        if (found !== expected) throw corrupt(expected, index, `missing; found ${found} instead`);
        const record = decodeLogRecord(stored, chain);
        if ("reason" in record) throw corrupt(found, index, record.reason);
        chain = record.chain;
      }
      await pause();
    }
  } finally {
    await iterator.close();
    await snapshot.close();
  }
}

/**
 * Checks the checksums of the table files, whose bytes LevelDB may hold in memory while the disk lost them. A table counts only when
 * it is still in use after it was found damaged twice: LevelDB may be about to delete it.
 */
export async function scrubTables(directory: string, pause: () => Promise<void>): Promise<void> {
  for (const number of await liveTables(directory)) {
    const path = join(directory, `${String(number).padStart(6, "0")}.ldb`);
    if ((await damageAt(path)) !== null) {
      const damage = await damageAt(path);
      const isLive = (await liveTables(directory)).includes(number);
      if (damage !== null && isLive) throw corrupt(path, null, damage);
    }
    await pause();
  }
}

/** Empty while the manifest, which LevelDB is writing to, cannot be read: the next round will. */
async function liveTables(directory: string): Promise<readonly number[]> {
  try {
    return [...(await readLiveFiles(directory)).tables];
  } catch {
    return [];
  }
}

async function damageAt(path: string): Promise<string | null> {
  try {
    return damageOfTable(await readFile(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
