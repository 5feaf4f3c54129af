import { execFile } from "node:child_process";
import { appendFile, cp, mkdir, open, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const source = join(import.meta.dirname, "recorder.c");
const run = promisify(execFile);

/** A data directory and the shadow that the recorder keeps of it. */
export interface RecordedDirectory {
  readonly dataDir: string;
  readonly shadow: string;
}

/** Builds the recorder into `directory` with the C compiler of this machine; rejects where there is none. */
export async function buildRecorder(directory: string): Promise<string> {
  const library = join(directory, "recorder.so");
  await run("cc", ["-O2", "-shared", "-fPIC", "-o", library, source, "-ldl", "-lpthread"]);
  return library;
}

/** What a node needs in its environment to be recorded. */
export function recorderEnvironment(
  library: string,
  { dataDir, shadow }: RecordedDirectory,
): Record<string, string> {
  return { LD_PRELOAD: library, POWER_LOSS_DIRECTORY: dataDir, POWER_LOSS_SHADOW: shadow };
}

/** From now on syncs of this directory succeed and save nothing. */
export async function startLying({ shadow }: RecordedDirectory): Promise<void> {
  await mkdir(shadow, { recursive: true });
  await writeFile(join(shadow, "lying"), "");
}

/**
 * Puts the directory back to what was synced, and says how many bytes of files that only grow went. With `random`, each such
 * file keeps a random part of its unsynced end, as a disk may have got that far. The node must be dead.
 */
export async function losePower(
  { dataDir, shadow }: RecordedDirectory,
  random: (() => number) | null,
): Promise<number> {
  const restored = `${dataDir}.restored`;
  await rm(restored, { recursive: true, force: true });
  await mkdir(shadow, { recursive: true });
  await cp(shadow, restored, { recursive: true });
  await rm(join(restored, "lying"), { force: true });
  let lostBytes = 0;
  for (const file of await growingFilesOf(dataDir)) {
    const writtenBytes = (await stat(join(dataDir, file))).size;
    const synced = await stat(join(restored, file)).catch(() => null);
    const unsyncedBytes = writtenBytes - (synced?.size ?? 0);
    if (unsyncedBytes <= 0) continue;
    const keptBytes =
      random === null || synced === null ? 0 : Math.floor(random() * (unsyncedBytes + 1));
    if (keptBytes > 0 && synced !== null) {
      const tail = await read(join(dataDir, file), synced.size, keptBytes);
      await appendFile(join(restored, file), tail);
    }
    lostBytes += unsyncedBytes - keptBytes;
  }
  // The directory itself stays: it may be a mount point.
  for (const name of await readdir(dataDir)) await rm(join(dataDir, name), { recursive: true });
  await cp(restored, dataDir, { recursive: true });
  await rm(restored, { recursive: true });
  return lostBytes;
}

async function growingFilesOf(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory, { recursive: true });
  return names.filter((name) => /\.(log|ldb)$|MANIFEST-\d+$/.test(name));
}

async function read(path: string, position: number, length: number): Promise<Buffer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
