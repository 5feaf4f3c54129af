import { corrupt } from "../corrupt.ts";
import { type LogFiles, logFileName } from "./files.ts";
import { LogReader, readLogFile } from "./reader.ts";
import type { LogWriter } from "./writer.ts";

const pieceSizeBytes = 256 * 1024;

/**
 * Reads the log as it was durable at one moment and checks what `open` checks of it. `pause` is awaited between pieces. Throws
 * ClusterError `storage-corrupt`. Files that the log needs no more while it is read are left out.
 */
export async function scrubLog(
  files: LogFiles,
  writer: LogWriter,
  pause: () => Promise<void>,
): Promise<void> {
  let reader: LogReader | null = null;
  // As they are now: they go on growing, and another one may begin.
  for (const { name, sizeBytes } of [...writer.files]) {
    const isNeeded = (): boolean =>
      writer.files.some(({ name: { number } }) => number === name.number);
    try {
      const { bytes, start, sequence } = await readLogFile(files, name);
      if (start === null) throw corrupt(logFileName(name), null, "its begin is damaged");
      if (bytes.length < sizeBytes) {
        throw corrupt(logFileName(name), null, `ends at byte ${bytes.length} of ${sizeBytes}`);
      }
      const isOtherLog = start.generation !== reader?.generation;
      if (reader === null || isOtherLog) reader = new LogReader(start, sequence, sequence);
      const durable = { name, bytes: bytes.subarray(0, sizeBytes), start, sequence };
      let readSizeBytes = 0;
      for (const frameSizeBytes of reader.read(durable, false)) {
        readSizeBytes += frameSizeBytes;
        reader.forgetEntries();
        if (readSizeBytes < pieceSizeBytes) continue;
        readSizeBytes = 0;
        await pause();
      }
    } catch (error) {
      if (isNeeded()) throw isMissing(error) ? corrupt(logFileName(name), null, "missing") : error;
      reader = null;
    }
    await pause();
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOENT";
}
