import type { ApplicationMessage } from "../mqtt/message.ts";

/**
 * Which retained copies a client got, as far as live messages are to be compared with them. Versions of different topics say nothing about
 * each other, since that of a topic that is written often runs ahead of the log's index; but what has a version up to the index that was
 * applied when the copies began is from before. So only copies with a later version are remembered by topic, and of those only where the
 * topic had that version when the copies began.
 */
export class SentCopies {
  readonly #index: number;
  readonly #newerMax: number;
  readonly #newer = new Map<string, number>();
  #newestVersion = 0;

  /** `index`: of the log, applied when the copies begin. */
  constructor(index: number, newerMax: number) {
    this.#index = index;
    this.#newerMax = newerMax;
  }

  /** Whether there was one from the log at all. */
  get isEmpty(): boolean {
    return this.#newestVersion === 0;
  }

  /**
   * `isChanged`: the topic was written after the copies began, and its copy says nothing about what was written between; the client is owed
   * all of that.
   */
  add({ topic, version }: ApplicationMessage, isChanged: boolean): void {
    this.#newestVersion = Math.max(this.#newestVersion, version);
    if (!isChanged && version > this.#index && this.#newer.size < this.#newerMax) {
      this.#newer.set(topic, version);
    }
  }

  /** Whether a live message may have been published after the copies began. */
  isOwed({ version }: ApplicationMessage): boolean {
    return version === 0 || version > this.#index;
  }

  /** Whether a live message is no newer than the copy of its topic; `retained` is what its topic has now. */
  covers({ topic, version }: ApplicationMessage, retained: ApplicationMessage | null): boolean {
    if (version === 0) return false;
    if (version <= (this.#newer.get(topic) ?? 0)) return true;
    return this.#isFromBefore(version) && retained !== null && version <= retained.version;
  }

  /** The same for one that comes when all copies are sent, or that was committed before they began: the client is not owed it. */
  outdates({ topic, version }: ApplicationMessage): boolean {
    return version > 0 && (this.#isFromBefore(version) || version <= (this.#newer.get(topic) ?? 0));
  }

  #isFromBefore(version: number): boolean {
    return version <= Math.min(this.#index, this.#newestVersion);
  }
}
