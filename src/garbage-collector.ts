import { setFlagsFromString } from "node:v8";

/**
 * Tells V8's garbage collector what kind of program this is. To be called before the program is loaded. docs/performance-tried.md has the
 * figures of both.
 */
export function tuneGarbageCollector(v8Version: string = process.versions.v8): void {
  keepNewObjectsYoung();
  if (knowsGlobalLimit(v8Version)) countBuffersWithTheHeap();
}

/**
 * Has V8 allocate every new object among the young ones.
 *
 * Left to itself V8 notices, while many clients connect, that what is made at some places of the code lives on, and from then on puts
 * everything from there among the old objects. What a message leaves behind is made at the same places: it then lies dead among the old
 * objects and keeps alive the young ones that it refers to, so that every collection of young objects moves a quarter of them over
 * (measured: 7 to 16 ms with a thousand clients instead of 0.5 to 2.5).
 */
function keepNewObjectsYoung(): void {
  setFlagsFromString("--no-allocation-site-pretenuring");
}

/**
 * Has V8 let the memory of buffers grow in proportion to what there is, as it does with the heap.
 *
 * Left to itself it marks the whole heap whenever buffers have taken 64 MB more than after the last time. The latest entries of the log
 * are buffers that live for seconds and then go, so that under a load of writes it would do so once or twice a second, for a ninth of all the CPU
 * time.
 */
function countBuffersWithTheHeap(): void {
  setFlagsFromString("--external-memory-accounted-in-global-limit");
}

/** V8 complains on stderr of a flag that it does not know; this one is known to be there in the V8 of Node.js 24. */
export function knowsGlobalLimit(v8Version: string): boolean {
  return v8Version.startsWith("13.6.");
}
