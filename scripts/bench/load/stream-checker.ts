/** What went wrong with what one subscriber, or all of them, received. */
export interface Integrity {
  readonly lost: number;
  readonly duplicates: number;
  /** Came for the first time after a later one of the same publisher. */
  readonly outOfOrder: number;
  /** Damaged, of another run or of a publisher that does not exist. */
  readonly foreign: number;
}

/** Late arrivals are told from duplicates among this many of the newest messages of a stream; older ones count as duplicates. */
const windowMessages = 4096;

/**
 * Checks the streams that one subscriber receives, one per publisher, each numbered 0, 1, 2, ...: nothing missing, nothing
 * twice, nothing out of order. The common case, the next number, is one comparison.
 */
export class StreamChecker {
  readonly #next: Uint32Array;
  /** Numbers that were jumped over and may still come, by stream. */
  readonly #missing = new Map<number, Set<number>>();
  #received = 0;
  #duplicates = 0;
  #outOfOrder = 0;
  #foreign = 0;

  constructor(streams: number) {
    this.#next = new Uint32Array(streams);
  }

  /** Distinct messages. */
  get received(): number {
    return this.#received;
  }

  /** True for a message that comes for the first time. */
  accept(stream: number, sequence: number): boolean {
    const next = this.#next[stream];
    if (next === sequence) {
      this.#next[stream] = sequence + 1;
      this.#received++;
      return true;
    }
    if (next === undefined) {
      this.#foreign++;
      return false;
    }
    return this.#unexpected(stream, sequence, next);
  }

  foreign(): void {
    this.#foreign++;
  }

  /** Given how many messages each publisher sent, to those of `streams` that this subscriber should hear. */
  result(streams: readonly number[], sentBy: (stream: number) => number): Integrity {
    let expected = 0;
    for (const stream of streams) expected += sentBy(stream);
    return {
      lost: Math.max(0, expected - this.#received),
      duplicates: this.#duplicates,
      outOfOrder: this.#outOfOrder,
      foreign: this.#foreign,
    };
  }

  #unexpected(stream: number, sequence: number, next: number): boolean {
    const missing = this.#missing.get(stream) ?? new Set<number>();
    if (sequence > next) {
      const from = Math.max(next, sequence - windowMessages);
      for (let skipped = from; skipped < sequence; skipped++) missing.add(skipped);
      this.#missing.set(stream, missing);
      this.#next[stream] = sequence + 1;
      this.#received++;
      return true;
    }
    if (!missing.delete(sequence)) {
      this.#duplicates++;
      return false;
    }
    this.#outOfOrder++;
    this.#received++;
    return true;
  }
}

export function sumIntegrity(results: readonly Integrity[]): Integrity {
  const sum = (field: keyof Integrity): number =>
    results.reduce((total, result) => total + result[field], 0);
  return {
    lost: sum("lost"),
    duplicates: sum("duplicates"),
    outOfOrder: sum("outOfOrder"),
    foreign: sum("foreign"),
  };
}

/** Null when everything came once and in order. */
export function complaintOf({ lost, duplicates, outOfOrder, foreign }: Integrity): string | null {
  if (lost + duplicates + outOfOrder + foreign === 0) return null;
  return `${lost} lost, ${duplicates} duplicates, ${outOfOrder} out of order, ${foreign} foreign`;
}
