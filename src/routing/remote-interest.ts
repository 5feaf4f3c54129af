import type { NodeId } from "#cluster";

/** Which keys each other node has set, so that all can be withdrawn when it goes. */
export class RemoteInterest {
  readonly #keys = new Map<NodeId, Set<string>>();
  #count = 0;

  /** Number of (node, key) pairs. */
  get count(): number {
    return this.#count;
  }

  has(nodeId: NodeId, key: string): boolean {
    return this.#keys.get(nodeId)?.has(key) === true;
  }

  add(nodeId: NodeId, key: string): void {
    let keys = this.#keys.get(nodeId);
    if (keys === undefined) {
      keys = new Set();
      this.#keys.set(nodeId, keys);
    }
    if (!keys.has(key)) {
      keys.add(key);
      this.#count++;
    }
  }

  delete(nodeId: NodeId, key: string): void {
    const keys = this.#keys.get(nodeId);
    if (keys?.delete(key) === true) {
      this.#count--;
      if (keys.size === 0) {
        this.#keys.delete(nodeId);
      }
    }
  }

  /** A copy, so that keys may be deleted while it is walked. */
  keysOf(nodeId: NodeId): readonly string[] {
    return [...(this.#keys.get(nodeId) ?? [])];
  }
}
