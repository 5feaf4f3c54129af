import type { InterestChange } from "../cluster-api.ts";
import { type Digest, DigestSum } from "./digest.ts";

/**
 * What one node wants: key -> weight, and the number of the operation that made it so. Only the node itself makes
 * operations; everybody else replays them in order, so that equal (incarnation, seq) means an equal table.
 */
export class InterestTable {
  /** The writer's incarnation; a higher one replaces the whole table. */
  readonly incarnation: number;
  readonly #weights = new Map<string, number>();
  readonly #digest = new DigestSum();
  /** Number of the last operation applied; 0 before the first. */
  seq: number;

  constructor(incarnation: number, seq = 0) {
    this.incarnation = incarnation;
    this.seq = seq;
  }

  get count(): number {
    return this.#weights.size;
  }

  get digest(): Digest {
    return this.#digest.value;
  }

  weightOf(key: string): number {
    return this.#weights.get(key) ?? 0;
  }

  entries(): IterableIterator<[string, number]> {
    return this.#weights.entries();
  }

  /** Sets a weight without counting an operation; 0 removes. Answers whether anything changed. */
  put(key: string, weight: number): boolean {
    const before = this.#weights.get(key) ?? 0;
    if (before === weight) return false;
    if (before > 0) this.#digest.subtract(key, before);
    if (weight > 0) {
      this.#weights.set(key, weight);
      this.#digest.add(key, weight);
    } else {
      this.#weights.delete(key);
    }
    return true;
  }
}

/** What must be told to a listener that knows `before` so that it knows `after`. */
export function differenceOf(before: InterestTable, after: InterestTable): InterestChange[] {
  const changes: InterestChange[] = [];
  for (const [key] of before.entries()) {
    if (after.weightOf(key) === 0) changes.push({ key, weight: 0 });
  }
  for (const [key, weight] of after.entries()) {
    if (before.weightOf(key) !== weight) changes.push({ key, weight });
  }
  return changes;
}
