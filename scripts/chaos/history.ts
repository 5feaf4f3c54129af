/** What the clients of a chaos run did and saw, and what is wrong with it. Values of one key are 1, 2, 3, ... in order. */
export interface KeyHistory {
  /** The highest value handed to the client library. */
  sent: number;
  /** The highest value that a broker acknowledged. */
  acknowledged: number;
}

export interface Violation {
  readonly kind: "lost" | "phantom" | "order";
  readonly key: string;
  readonly where: string;
  readonly detail: string;
}

/** What one subscriber saw of one key. */
interface Seen {
  highest: number;
  readonly values: Set<number>;
}

/** Keys are written by one client each, in order, one or more under way at a time. */
export class History {
  readonly #keys = new Map<string, KeyHistory>();
  readonly #seen = new Map<string, Map<string, Seen>>();
  readonly #violations: Violation[] = [];

  keys(): readonly string[] {
    return [...this.#keys.keys()];
  }

  get acknowledgedCount(): number {
    let count = 0;
    for (const { acknowledged } of this.#keys.values()) count += acknowledged;
    return count;
  }

  sent(key: string): number {
    const history = this.#of(key);
    history.sent++;
    return history.sent;
  }

  acknowledged(key: string, value: number): void {
    const history = this.#of(key);
    history.acknowledged = Math.max(history.acknowledged, value);
  }

  /**
   * A subscriber got a value. Repetitions are allowed at QoS 1; a value that comes for the first time after a higher one
   * means that the order of the publisher was not kept.
   */
  delivered(watcher: string, key: string, value: number): void {
    const keys = this.#seen.get(watcher) ?? new Map<string, Seen>();
    this.#seen.set(watcher, keys);
    const seen = keys.get(key) ?? { highest: 0, values: new Set<number>() };
    keys.set(key, seen);
    if (!seen.values.has(value) && value < seen.highest) {
      const detail = `${value} came for the first time after ${seen.highest}`;
      this.#violations.push({ kind: "order", key, where: watcher, detail });
    }
    seen.values.add(value);
    seen.highest = Math.max(seen.highest, value);
  }

  /** A subscriber lost its connection: what it saw before is no yardstick for what it sees next. */
  resubscribed(watcher: string): void {
    this.#seen.delete(watcher);
  }

  /** The final value of a key as read from one node; 0 = the node does not know the key. */
  readBack(node: string, key: string, value: number): void {
    const { sent, acknowledged } = this.#of(key);
    if (value < acknowledged) {
      const detail = `${acknowledged} was acknowledged, the node has ${value || "nothing"}`;
      this.#violations.push({ kind: "lost", key, where: node, detail });
    } else if (value > sent) {
      const detail = `the node has ${value}, the last sent was ${sent}`;
      this.#violations.push({ kind: "phantom", key, where: node, detail });
    }
  }

  violations(): readonly Violation[] {
    return this.#violations;
  }

  #of(key: string): KeyHistory {
    let history = this.#keys.get(key);
    if (history === undefined) {
      history = { sent: 0, acknowledged: 0 };
      this.#keys.set(key, history);
    }
    return history;
  }
}

/** The value below which `share` (0 to 1) of the numbers lie; NaN when there are none. */
export function percentile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  if (sorted.length === 0) return Number.NaN;
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] as number;
}
