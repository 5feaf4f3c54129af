import type { NodeId } from "../node-id.ts";

/**
 * Which incarnations are gone for good, so that gossip still under way cannot bring their routes back. A certificate covers
 * its incarnation and all before; it is kept long enough for any message to have died, and their number is bounded.
 */
export class DeathCertificates {
  readonly #keptMs: number;
  readonly #countMax: number;
  readonly #certificates = new Map<NodeId, { incarnation: number; untilMs: number }>();

  constructor(keptMs: number, countMax: number) {
    this.#keptMs = keptMs;
    this.#countMax = countMax;
  }

  get count(): number {
    return this.#certificates.size;
  }

  add(nodeId: NodeId, incarnation: number, nowMs: number): void {
    const known = this.#certificates.get(nodeId)?.incarnation ?? 0;
    // Set again at the end: the map's order is the order of age.
    this.#certificates.delete(nodeId);
    this.#certificates.set(nodeId, {
      incarnation: Math.max(known, incarnation),
      untilMs: nowMs + this.#keptMs,
    });
    for (const [oldest, { untilMs }] of this.#certificates) {
      if (untilMs > nowMs && this.#certificates.size <= this.#countMax) break;
      this.#certificates.delete(oldest);
    }
  }

  isDead(nodeId: NodeId, incarnation: number, nowMs: number): boolean {
    const certificate = this.#certificates.get(nodeId);
    if (certificate === undefined) return false;
    if (certificate.untilMs <= nowMs) {
      this.#certificates.delete(nodeId);
      return false;
    }
    return incarnation <= certificate.incarnation;
  }
}
