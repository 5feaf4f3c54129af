import type { NodeId } from "../node-id.ts";

interface Peer {
  /** How much of the own table it confirmed; -1: nothing on this link yet. */
  ackedSeq: number;
  isDown: boolean;
}

interface Waiting<T> {
  readonly seq: number;
  readonly waiter: T;
}

/**
 * Who has confirmed how much of the own table, and who waits for it. Peers without a link, or down, are not waited for: they
 * cannot take a message in, and learn the table before anything else when they come back.
 */
export class AckBarrier<T> {
  readonly #peers = new Map<NodeId, Peer>();
  /** Ascending by seq. */
  #waiting: Waiting<T>[] = [];

  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** From now on the peer is waited for; harmless when it is already. */
  linked(nodeId: NodeId): void {
    if (!this.#peers.has(nodeId)) this.#peers.set(nodeId, { ackedSeq: -1, isDown: false });
  }

  unlinked(nodeId: NodeId): void {
    this.#peers.delete(nodeId);
  }

  setDown(nodeId: NodeId, isDown: boolean): void {
    const peer = this.#peers.get(nodeId);
    if (peer !== undefined) peer.isDown = isDown;
  }

  acked(nodeId: NodeId, seq: number): void {
    const peer = this.#peers.get(nodeId);
    if (peer !== undefined && seq > peer.ackedSeq) peer.ackedSeq = seq;
  }

  /** What every live peer has confirmed; infinite when there is none. */
  get confirmedSeq(): number {
    let lowest = Number.POSITIVE_INFINITY;
    for (const { ackedSeq, isDown } of this.#peers.values()) {
      if (!isDown && ackedSeq < lowest) lowest = ackedSeq;
    }
    return lowest;
  }

  /** `seq` must not be lower than that of an earlier waiter. */
  wait(seq: number, waiter: T): void {
    this.#waiting.push({ seq, waiter });
  }

  /** Takes out the waiters whose seq is confirmed. */
  settle(): T[] {
    if (this.#waiting.length === 0) return [];
    const confirmedSeq = this.confirmedSeq;
    const firstOpen = this.#waiting.findIndex(({ seq }) => seq > confirmedSeq);
    const count = firstOpen === -1 ? this.#waiting.length : firstOpen;
    return this.#waiting.splice(0, count).map(({ waiter }) => waiter);
  }

  remove(waiter: T): void {
    this.#waiting = this.#waiting.filter((waiting) => waiting.waiter !== waiter);
  }

  removeAll(): T[] {
    return this.#waiting.splice(0).map(({ waiter }) => waiter);
  }
}
