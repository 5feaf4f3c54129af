import type { SessionEntry } from "./session-entry.ts";

/** The sessions that are connected to this node, by client identifier. */
export class SessionRegistry {
  readonly #entries = new Map<string, SessionEntry>();

  get size(): number {
    return this.#entries.size;
  }

  get(clientId: string): SessionEntry | null {
    return this.#entries.get(clientId) ?? null;
  }

  add(entry: SessionEntry): void {
    this.#entries.set(entry.clientId, entry);
  }

  /** Removes `entry` itself, never a newer one of the same client. */
  remove(entry: SessionEntry): void {
    entry.leave();
    if (this.#entries.get(entry.clientId) === entry) this.#entries.delete(entry.clientId);
  }

  /** May change while it is walked. */
  ids(): Iterable<string> {
    return this.#entries.keys();
  }

  all(): readonly SessionEntry[] {
    return [...this.#entries.values()];
  }
}
