import type { ApplicationMessage } from "../mqtt/message.ts";

/**
 * Which retained copies a client got, as far as live messages are to be compared with them. Versions of different topics say nothing about
 * each other, since that of a topic that is written often runs ahead of the log's index; but what has a version up to the index that was
 * applied when the copies began is from before. So only later versions are remembered by topic: as one from before where the topic had it
 * when the copies began, else as that of a single message, since the client is owed all that was published in between.
 */
export class SentCopies {
  readonly #index: number;
  readonly #newerMax: number;
  readonly #newer = new Map<string, number>();
  readonly #changed = new Map<string, number>();
  /** Of these, topics of which an older live message went out behind the copy, and the newest has not. */
  readonly #behind = new Map<string, number>();
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

  /** `isChanged`: the topic was written after the copies began. */
  add({ topic, version }: ApplicationMessage, isChanged: boolean): void {
    this.#newestVersion = Math.max(this.#newestVersion, version);
    const known = isChanged ? this.#changed : this.#newer;
    if (version > this.#index && known.size < this.#newerMax) known.set(topic, version);
  }

  /** Whether the copy of its topic stands for a live message; `retainedVersion` is what its topic has now, 0 = nothing. */
  covers({ topic, version }: ApplicationMessage, retainedVersion: number): boolean {
    if (version === 0) return false;
    if (this.#isSaid(topic, version)) return true;
    return this.#isFromBefore(version) && version <= retainedVersion;
  }

  /** The same for one that comes when all copies are sent, or that was committed before they began: the client is not owed it. */
  outdates({ topic, version }: ApplicationMessage): boolean {
    return version > 0 && (this.#isFromBefore(version) || this.#isSaid(topic, version));
  }

  /** A live message went out behind the copies: one that is older than the copy of its topic puts the topic back. */
  followed({ topic, version }: ApplicationMessage): void {
    const copy = this.#changed.get(topic) ?? this.#behind.get(topic);
    if (copy === undefined || version === 0) return;
    this.#changed.delete(topic);
    if (version < copy) this.#behind.set(topic, copy);
    else this.#behind.delete(topic);
  }

  /** Topics that stand at an older message than their copy was; from then on they count as told. */
  takeBehind(): readonly string[] {
    const topics = [...this.#behind.keys()];
    this.#behind.clear();
    return topics;
  }

  #isSaid(topic: string, version: number): boolean {
    return version <= (this.#newer.get(topic) ?? 0) || version === this.#changed.get(topic);
  }

  #isFromBefore(version: number): boolean {
    return version <= Math.min(this.#index, this.#newestVersion);
  }
}
