import type { NodeId } from "../node-id.ts";

/** Where a node said it can be reached, and at which of its starts it said so. */
export interface KnownAddresses {
  readonly nodeId: NodeId;
  /** Addresses of a later start replace those of an earlier one. */
  readonly incarnation: number;
  /** HOST:PORT, best first. */
  readonly addresses: readonly string[];
}

/**
 * The newest addresses of other nodes, from themselves or by hearsay. Hearsay counts only when it is of a later start than what
 * is known, so that each fact is passed on once and goes round no circle.
 */
export class AddressBook {
  readonly #known = new Map<NodeId, KnownAddresses>();

  all(): readonly KnownAddresses[] {
    return [...this.#known.values()];
  }

  /** What the node itself says on a link; answers whether others have to hear of it. */
  hear(said: KnownAddresses): boolean {
    const old = this.#known.get(said.nodeId);
    if (old !== undefined && old.incarnation > said.incarnation) return false;
    this.#known.set(said.nodeId, said);
    return old === undefined || old.incarnation < said.incarnation;
  }

  /** What a third node says; answers whether it is news. */
  overhear(said: KnownAddresses): boolean {
    const old = this.#known.get(said.nodeId);
    if (old !== undefined && old.incarnation >= said.incarnation) return false;
    this.#known.set(said.nodeId, said);
    return true;
  }

  forget(nodeId: NodeId): void {
    this.#known.delete(nodeId);
  }
}
