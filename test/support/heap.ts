import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** What is held by something: all else is collected before it is read. */
export function heapSizeBytes(): number {
  for (let left = 3; left > 0; left--) collectGarbage();
  return process.memoryUsage().heapUsed;
}

/** The same of the memory of buffers. */
export function buffersSizeBytes(): number {
  for (let left = 3; left > 0; left--) collectGarbage();
  return process.memoryUsage().arrayBuffers;
}
