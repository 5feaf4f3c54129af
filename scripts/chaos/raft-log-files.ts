import { readdir } from "node:fs/promises";

/** A reading of the files of Raft's log that shares nothing with the one in the product (cluster/storage/log/frame.ts). */

const headerBytes = 20;
const sizeAt = 8;

/** The newest file; what is in front of it may be needed no more. Null when there is none. */
export async function newestLogFile(directory: string): Promise<string | null> {
  const names = (await readdir(directory)).filter((name) => /^\d+-[0-9a-f]{8}\.log$/.test(name));
  return names.sort().at(-1) ?? null;
}

/** Where what was written whole ends: a kill may have left a part of a write behind it. */
export function endOfFrames(file: Uint8Array): number {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  let end = 0;
  while (end + headerBytes <= file.length) {
    const next = end + headerBytes + view.getUint32(end + sizeAt);
    if (next > file.length) break;
    end = next;
  }
  return end;
}
