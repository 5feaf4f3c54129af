import type { InterestChange } from "../cluster-api.ts";
import type { Digest } from "./digest.ts";
import { InterestTable } from "./interest-table.ts";
import { OperationRing } from "./operation-ring.ts";

export interface OwnInterestLimits {
  readonly keysMax: number;
  readonly keySizeBytesMax: number;
  readonly ringOperationsMax: number;
  readonly ringCharactersMax: number;
}

/** Operations in a row, ready to travel; the first has the number `fromSeq`. */
export interface OwnDelta {
  readonly fromSeq: number;
  readonly operations: readonly InterestChange[];
}

/** The whole table at one moment; pages of it are handed out while the table moves on. */
export interface InterestSnapshot {
  readonly seq: number;
  readonly digest: Digest;
  readonly entries: readonly InterestChange[];
}

export type SetOutcome = "pending" | "invalid-key" | "invalid-weight";

/**
 * The writer's side: gathers what is set during one turn and turns what really changed into numbered operations.
 * A key that is set and withdrawn within one turn never travels.
 */
export class OwnInterest {
  readonly #limits: OwnInterestLimits;
  readonly #table: InterestTable;
  readonly #ring: OperationRing;
  readonly #pending = new Map<string, number>();
  #rejectedCount = 0;

  constructor(incarnation: number, limits: OwnInterestLimits) {
    this.#limits = limits;
    this.#table = new InterestTable(incarnation);
    this.#ring = new OperationRing(limits.ringOperationsMax, limits.ringCharactersMax);
  }

  get incarnation(): number {
    return this.#table.incarnation;
  }

  get seq(): number {
    return this.#table.seq;
  }

  get digest(): Digest {
    return this.#table.digest;
  }

  get count(): number {
    return this.#table.count;
  }

  get hasPending(): boolean {
    return this.#pending.size > 0;
  }

  /** Keys that found no room, since the start. */
  get rejectedCount(): number {
    return this.#rejectedCount;
  }

  set(key: string, weight: number): SetOutcome {
    const { keySizeBytesMax } = this.#limits;
    // No UTF-16 unit takes more than three bytes, so that short keys need no counting.
    if (key.length * 3 > keySizeBytesMax && Buffer.byteLength(key) > keySizeBytesMax) {
      return "invalid-key";
    }
    // A lone surrogate would arrive as another key than it left.
    if (!key.isWellFormed()) return "invalid-key";
    if (!Number.isInteger(weight) || weight < 0 || weight > 0xffff_ffff) return "invalid-weight";
    this.#pending.set(key, weight);
    return "pending";
  }

  /** Ends the turn: applies what is pending; null when nothing really changed. */
  commit(): OwnDelta | null {
    if (this.#pending.size === 0) return null;
    const fromSeq = this.#table.seq + 1;
    const operations: InterestChange[] = [];
    // Withdrawals first: they make room for what is new.
    for (const [key, weight] of this.#pending) {
      if (weight === 0) this.#apply({ key, weight }, operations);
    }
    for (const [key, weight] of this.#pending) {
      if (weight === 0) continue;
      if (this.#table.count >= this.#limits.keysMax && this.#table.weightOf(key) === 0) {
        this.#rejectedCount += 1;
      } else {
        this.#apply({ key, weight }, operations);
      }
    }
    this.#pending.clear();
    return operations.length === 0 ? null : { fromSeq, operations };
  }

  /** Whether operations alone bring a reader at `seq` up to date. */
  covers(seq: number): boolean {
    return this.#ring.covers(seq);
  }

  operationAt(seq: number): InterestChange | undefined {
    return this.#ring.at(seq);
  }

  snapshot(): InterestSnapshot {
    const entries: InterestChange[] = [];
    for (const [key, weight] of this.#table.entries()) entries.push({ key, weight });
    return { seq: this.#table.seq, digest: this.#table.digest, entries };
  }

  #apply(operation: InterestChange, operations: InterestChange[]): void {
    if (!this.#table.put(operation.key, operation.weight)) return;
    this.#table.seq += 1;
    this.#ring.push(operation);
    operations.push(operation);
  }
}
