import type { LivePacket } from "./packet.ts";

/**
 * How far a viewer is. A feed keeps its news once, and each viewer only has a place in it, so that a viewer that does not read costs
 * the same as one that does.
 */
export interface Place {
  /** It has everything up to this number: a log index, or a running number of the feed. */
  readonly since: number;
  /** It is on its way through everything there is, behind this key; null when it is not. */
  readonly after: string | null;
}

export interface Step {
  /** Null when the way to the next place has no news for the viewer. */
  readonly packet: LivePacket | null;
  readonly place: Place;
  /** How many pieces of news are left out on the way. */
  readonly missed?: number;
}

export interface Feed {
  /** What a viewer at this place gets next; null when it has all. Each step leads to another place, and in the end to null. */
  next(place: Place): Step | null;
  /** Calls back after each piece of news; returns the way to stop. */
  onNews(handler: () => void): () => void;
  /** Every viewer has read up to here. */
  forgetUntil?(since: number): void;
}

/** Handlers of `onNews`. */
export class NewsListeners {
  readonly #handlers = new Set<() => void>();

  add(handler: () => void): () => void {
    const registered = (): void => handler();
    this.#handlers.add(registered);
    return () => {
      this.#handlers.delete(registered);
    };
  }

  get size(): number {
    return this.#handlers.size;
  }

  tell(): void {
    for (const handler of this.#handlers) handler();
  }
}
