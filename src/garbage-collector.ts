import { setFlagsFromString } from "node:v8";

/**
 * Tells V8's garbage collector what kind of program this is. To be called before the program is loaded. docs/performance-tried.md has the
 * figures.
 */
export function tuneGarbageCollector(v8Version: string = process.versions.v8): void {
  keepNewObjectsYoung();
  if (!knowsGlobalLimit(v8Version)) return;
  countBuffersWithTheHeap();
  beginMarkingLate();
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

/**
 * Has V8 begin to mark the heap when four fifths of what it may grow by are used.
 *
 * Left to itself V8 begins when less is left than the young objects may take. Where hardly any object grows old it gives a heap only 8 MB more
 * than that; the buffers of young messages alone take those, and it marked the heap 15 times a second, which doubled the CPU time of a message.
 */
function beginMarkingLate(): void {
  setFlagsFromString("--incremental-marking-soft-trigger=80");
  setFlagsFromString("--incremental-marking-hard-trigger=95");
}

/** V8 complains on stderr of a flag that it does not know; these are known to be there in the V8 of Node.js 24. */
export function knowsGlobalLimit(v8Version: string): boolean {
  return v8Version.startsWith("13.6.");
}
