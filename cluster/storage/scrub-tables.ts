import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { corrupt } from "./corrupt.ts";
import { damageOfTable } from "./files/table.ts";
import { readLiveFiles } from "./files/verify.ts";

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
