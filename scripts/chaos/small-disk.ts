import { execFileSync } from "node:child_process";
import { mkdir, open, rm, statfs } from "node:fs/promises";
import { join } from "node:path";

const sizeMegabytes = 256;
const blockSizesBytes = [64 * 1024, 512];

/** A file system in memory of its own for one data directory. */
export interface SmallDisk {
  /** Until no more than so many bytes are free. */
  fill(freeSizeBytes: number): Promise<void>;
  makeRoom(): Promise<void>;
  unmount(): void;
}

/** Rejects when this process may not mount. */
export async function mountSmallDisk(directory: string): Promise<SmallDisk> {
  await mkdir(directory, { recursive: true });
  const size = `size=${sizeMegabytes}m,mode=0700`;
  execFileSync("mount", ["-t", "tmpfs", "-o", size, "flockmq-chaos", directory]);
  const ballast = join(directory, "ballast");
  return {
    fill: (freeSizeBytes) => fill(directory, ballast, freeSizeBytes),
    makeRoom: () => rm(ballast, { force: true }),
    unmount: () => {
      execFileSync("umount", ["-l", directory]);
    },
  };
}

async function fill(directory: string, path: string, freeSizeBytes: number): Promise<void> {
  const file = await open(path, "a");
  try {
    for (const blockBytes of blockSizesBytes) {
      const block = Buffer.alloc(blockBytes);
      while ((await freeBytes(directory)) > freeSizeBytes) {
        if (!(await fits(() => file.write(block)))) break;
      }
    }
  } finally {
    await file.close();
  }
}

async function freeBytes(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}

async function fits(write: () => Promise<unknown>): Promise<boolean> {
  try {
    await write();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOSPC") return false;
    throw error;
  }
}
