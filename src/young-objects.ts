import { setFlagsFromString } from "node:v8";

/**
 * Has V8 allocate every new object among the young ones. To be called before the program is loaded.
 *
 * Left to itself V8 notices, while many clients connect, that what is made at some places of the code lives on, and from then on puts
 * everything from there among the old objects. What a message leaves behind is made at the same places: it then lies dead among the old
 * objects and keeps alive the young ones that it refers to, so that every collection of young objects moves a quarter of them over
 * (measured: 7 to 16 ms with a thousand clients instead of 0.5 to 2.5). docs/performance.md has the figures.
 */
export function keepNewObjectsYoung(): void {
  setFlagsFromString("--no-allocation-site-pretenuring");
}
