import type { SessionEntry } from "./session-entry.ts";

/** The sessions of this node by client identifier, connected or not. */
export class SessionRegistry {
  readonly #entries = new Map<string, SessionEntry>();
  #connected = 0;

  get size(): number {
    return this.#entries.size;
  }

  /** Sessions that have a connection. */
  get connectedCount(): number {
    return this.#connected;
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

  connected(): void {
    this.#connected++;
  }

  disconnected(): void {
    this.#connected--;
  }

  all(): readonly SessionEntry[] {
    return [...this.#entries.values()];
  }
}
