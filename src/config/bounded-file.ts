import { closeSync, openSync, readSync } from "node:fs";

/** The first `sizeBytesMax` bytes of a file: a device that was named by mistake has no size and no end. Throws as `node:fs`. */
export function readBeginning(path: string, sizeBytesMax: number): Buffer {
  const bytes = Buffer.alloc(sizeBytesMax);
  const file = openSync(path, "r");
  try {
    let sizeBytes = 0;
    while (sizeBytes < sizeBytesMax) {
      const readBytes = readSync(file, bytes, sizeBytes, sizeBytesMax - sizeBytes, null);
      if (readBytes === 0) break;
      sizeBytes += readBytes;
    }
    return bytes.subarray(0, sizeBytes);
  } finally {
    closeSync(file);
  }
}
