import { type Feed, NewsListeners, type Place, type Step } from "./feed.ts";
import { LivePacket } from "./packet.ts";

export interface RecentItem {
  readonly sizeBytes: number;
  readonly packet: LivePacket;
}

export interface RecentBounds {
  readonly keptMax: number;
  readonly keptSizeBytesMax: number;
}

/** The newest of something that is told one by one, numbered from 1. Who comes too late for the oldest is told how many were missed. */
export class RecentFeed implements Feed {
  readonly #bounds: RecentBounds;
  readonly #listeners = new NewsListeners();
  #kept: RecentItem[] = [];
  /** Of `#kept`, those before this are forgotten. */
  #from = 0;
  #sizeBytes = 0;
  #last = 0;

  constructor(bounds: RecentBounds) {
    this.#bounds = bounds;
  }

  onNews(handler: () => void): () => void {
    return this.#listeners.add(handler);
  }

  /** Where a viewer begins that is to get what comes from now on. */
  get end(): Place {
    return { since: this.#last, after: null };
  }

  add(item: RecentItem): void {
    const { keptMax, keptSizeBytesMax } = this.#bounds;
    this.#last++;
    this.#kept.push(item);
    this.#sizeBytes += item.sizeBytes;
    while (this.#count > keptMax || (this.#count > 1 && this.#sizeBytes > keptSizeBytesMax)) {
      this.#forgetOldest();
    }
    this.#listeners.tell();
  }

  next({ since }: Place): Step | null {
    if (since >= this.#last) return null;
    const first = this.#last - this.#count + 1;
    if (since + 1 < first) {
      const missed = first - 1 - since;
      const packet = LivePacket.of({ type: "dropped", count: missed });
      return { packet, place: { since: first - 1, after: null }, missed };
    }
    const item = this.#kept[this.#from + (since + 1 - first)];
    return { packet: item?.packet ?? null, place: { since: since + 1, after: null } };
  }

  forgetUntil(since: number): void {
    while (this.#count > 0 && this.#last - this.#count < since) this.#forgetOldest();
  }

  get #count(): number {
    return this.#kept.length - this.#from;
  }

  #forgetOldest(): void {
    this.#sizeBytes -= this.#kept[this.#from]?.sizeBytes ?? 0;
    this.#from++;
    if (this.#from * 2 >= this.#kept.length) {
      this.#kept = this.#kept.slice(this.#from);
      this.#from = 0;
    }
  }
}
