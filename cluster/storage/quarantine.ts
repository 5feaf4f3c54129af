import { access, rename, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { lockDirectory } from "./directory-lock.ts";
import { syncDirectory } from "./floor-file.ts";

/**
 * Moves a damaged data directory to `damaged-<time>` beside it and answers the new path. Nothing in it is changed but for
 * the added `reason.txt`: it is evidence, and perhaps all that a person can still rescue something from. The node starts
 * over under a new id; it must never vote with what is left here. Throws ClusterError `storage-locked`.
 */
export async function quarantine(
  directory: string,
  reason: string,
  wallMs: number,
): Promise<string> {
  const lock = await lockDirectory(directory);
  await lock.release();
  const parent = dirname(resolve(directory));
  const time = new Date(wallMs).toISOString().replaceAll(":", "-");
  const target = await unusedPath(join(parent, `damaged-${time}`));
  await writeFile(join(directory, "reason.txt"), `${reason}\n`, { flush: true });
  await rename(directory, target);
  await syncDirectory(parent);
  return target;
}

async function unusedPath(path: string): Promise<string> {
  for (let count = 1; ; count++) {
    const candidate = count === 1 ? path : `${path}-${count}`;
    try {
      await access(candidate);
    } catch {
      return candidate;
    }
  }
}
