import { execFileSync } from "node:child_process";
import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";

const sizeMegabytes = 128;
const blockBytes = 64 * 1024;

/** A file system in memory of its own for one data directory. */
export interface SmallDisk {
  /** Until nothing fits any more. */
  fill(): Promise<void>;
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
    fill: () => fill(ballast),
    makeRoom: () => rm(ballast, { force: true }),
    unmount: () => {
      execFileSync("umount", ["-l", directory]);
    },
  };
}

async function fill(path: string): Promise<void> {
  const file = await open(path, "w");
  try {
    for (const blockSize of [blockBytes, 512]) {
      const block = Buffer.alloc(blockSize);
      while (await fits(() => file.write(block))) {
        // Until the disk is full.
      }
    }
  } finally {
    await file.close();
  }
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
