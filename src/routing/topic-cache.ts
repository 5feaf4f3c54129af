/**
 * What was found for the topics asked for lately. Two generations: a hit in the old one moves to the young one; when the
 * young one is full, it becomes the old one and the old one is dropped. So about the most recently used half survives
 * at the cost of a map look-up, without a list to keep in order.
 */
export class TopicCache<V> {
  readonly #costMax: number;
  #young = new Map<string, V>();
  #old = new Map<string, V>();
  #youngCost = 0;
  readonly #costOf: (topic: string, value: V) => number;
  #hits = 0;
  #misses = 0;
  #clears = 0;

  /** Holds at most `costMax` of cost, as `costOf` tells it (> 0, always the same for one value); 0 switches the cache off. */
  constructor(costMax: number, costOf: (topic: string, value: V) => number) {
    this.#costMax = costMax;
    this.#costOf = costOf;
  }

  get hits(): number {
    return this.#hits;
  }

  get misses(): number {
    return this.#misses;
  }

  get clears(): number {
    return this.#clears;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(topic: string): V | undefined {
    const young = this.#young.get(topic);
    if (young !== undefined) {
      this.#hits++;
      return young;
    }
    const old = this.#old.get(topic);
    if (old === undefined) {
      this.#misses++;
      return undefined;
    }
    this.#hits++;
    this.#old.delete(topic);
    this.set(topic, old);
    return old;
  }

  /** The topic must not be in the cache. What alone costs more than half of the cache is not kept. */
  set(topic: string, value: V): void {
    const cost = this.#costOf(topic, value);
    const halfCost = this.#costMax / 2;
    if (cost > halfCost) {
      return;
    }
    if (this.#youngCost + cost > halfCost) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngCost = 0;
    }
    this.#young.set(topic, value);
    this.#youngCost += cost;
  }

  /** A change concerns this topic only. */
  delete(topic: string): void {
    const young = this.#young.get(topic);
    if (young !== undefined) {
      this.#youngCost -= this.#costOf(topic, young);
      this.#young.delete(topic);
    }
    this.#old.delete(topic);
  }

  /** A change may concern any topic. */
  clear(): void {
    if (this.size === 0) {
      return;
    }
    this.#young = new Map();
    this.#old = new Map();
    this.#youngCost = 0;
    this.#clears++;
  }
}
