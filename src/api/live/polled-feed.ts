import type { Cancel, Clock } from "#cluster";
import { type Feed, NewsListeners, type Place, type Step } from "./feed.ts";
import type { LivePacket } from "./packet.ts";

export interface PolledFeedOptions {
  readonly clock: Clock;
  readonly intervalMs: number;
  /** Never rejects. */
  readonly ask: () => Promise<LivePacket>;
}

/** A value of which only the newest matters, asked for while somebody wants it. */
export class PolledFeed implements Feed {
  /** Where a viewer begins: it gets the value that there is. */
  static readonly start: Place = { since: 0, after: null };

  readonly #options: PolledFeedOptions;
  readonly #listeners = new NewsListeners();
  #packet: LivePacket | null = null;
  #count = 0;
  #isAsking = false;
  #cancel: Cancel | null = null;

  constructor(options: PolledFeedOptions) {
    this.#options = options;
  }

  onNews(handler: () => void): () => void {
    const stop = this.#listeners.add(handler);
    if (this.#cancel === null && !this.#isAsking) this.#ask();
    return () => {
      stop();
      if (this.#listeners.size === 0) this.stop();
    };
  }

  next({ since }: Place): Step | null {
    if (since >= this.#count) return null;
    return { packet: this.#packet, place: { since: this.#count, after: null } };
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
    // It would be old for the next who comes.
    this.#packet = null;
  }

  #ask(): void {
    this.#isAsking = true;
    void this.#options.ask().then((packet) => {
      this.#isAsking = false;
      if (this.#listeners.size === 0) return;
      this.#packet = packet;
      this.#count++;
      this.#listeners.tell();
      this.#cancel = this.#options.clock.after(this.#options.intervalMs, () => {
        this.#cancel = null;
        this.#ask();
      });
    });
  }
}
