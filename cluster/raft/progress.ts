import type { Inflights } from "./inflights.ts";
import { invariant } from "./invariant.ts";
import type { LogIndex } from "./types.ts";

export type ProgressState = "probe" | "replicate" | "snapshot";

/**
 * What a leader knows of one follower. Always `match < next`: everything up to `match` is durable there, `next` is what
 * is sent next.
 *
 * - probe: the last common entry is not known; one append per answer or heartbeat.
 * - replicate: `next` runs ahead of the answers, as far as the window allows.
 * - snapshot: the entries that it lacks are compacted; nothing is sent until the state has arrived.
 */
export class Progress {
  isLearner: boolean;
  readonly inflights: Inflights;
  #match: LogIndex = 0;
  #next: LogIndex;
  #state: ProgressState = "probe";
  /** Stops appends until an answer: after each one in probe, with a full window in replicate. */
  #isHeld = false;
  #snapshotIndex: LogIndex = 0;
  #sentCommit: LogIndex = 0;
  #isActive = false;
  #wasActive = false;
  #hasAnswered = false;

  constructor(next: LogIndex, isLearner: boolean, inflights: Inflights) {
    this.#next = next;
    this.isLearner = isLearner;
    this.inflights = inflights;
  }

  get match(): LogIndex {
    return this.#match;
  }

  get next(): LogIndex {
    return this.#next;
  }

  get state(): ProgressState {
    return this.#state;
  }

  /** The highest commit index that an append told it. */
  get sentCommit(): LogIndex {
    return this.#sentCommit;
  }

  get isPaused(): boolean {
    return this.#state === "snapshot" || this.#isHeld;
  }

  /** Answered in this or the last interval of check-quorum. */
  get isRecentlyActive(): boolean {
    return this.#isActive || this.#wasActive;
  }

  /** Answered since the last check-quorum. */
  get isActive(): boolean {
    return this.#isActive;
  }

  /** Answered this leader at all: until then it only had no chance to be silent. */
  get hasAnswered(): boolean {
    return this.#hasAnswered;
  }

  /** An answer has come. */
  answered(): void {
    this.#isActive = true;
    this.#hasAnswered = true;
  }

  /** A new leader's word in its favour, for one interval of check-quorum. */
  presumeActive(): void {
    this.#isActive = true;
  }

  startActivityInterval(): void {
    this.#wasActive = this.#isActive;
    this.#isActive = false;
  }

  /** A heartbeat answer proves the link: let one more append pass. */
  release(): void {
    this.#isHeld = false;
  }

  /** Notes that everything up to `index` is durable there; false when that is no news. */
  advance(index: LogIndex): boolean {
    const isNews = index > this.#match;
    if (isNews) {
      this.#match = index;
      this.#isHeld = false;
    }
    this.#next = Math.max(this.#next, index + 1);
    return isNews;
  }

  sent(lastIndex: LogIndex, sizeBytes: number, commit: LogIndex): void {
    invariant(this.#state !== "snapshot", "no append leaves while a snapshot is on its way");
    this.#sentCommit = commit;
    if (this.#state === "probe") {
      this.#isHeld = true;
      return;
    }
    if (lastIndex >= this.#next) {
      this.#next = lastIndex + 1;
      this.inflights.add(lastIndex, sizeBytes);
    }
    this.#isHeld = this.inflights.isFull;
  }

  /**
   * The follower refused an append after `refused`; `guess` is the best known last common entry. False when the
   * answer is old: `match` never goes back.
   */
  refused(refused: LogIndex, guess: LogIndex): boolean {
    if (this.#state === "replicate") {
      if (refused <= this.#match) {
        return false;
      }
      this.becomeProbe();
      this.#next = Math.max(Math.min(refused, guess + 1), this.#match + 1);
      return true;
    }
    if (this.#state === "snapshot" || this.#next - 1 !== refused) {
      return false;
    }
    this.#next = Math.max(Math.min(refused, guess + 1), this.#match + 1);
    this.#sentCommit = Math.min(this.#sentCommit, this.#next - 1);
    this.#isHeld = false;
    return true;
  }

  becomeProbe(): void {
    const next = this.#state === "snapshot" ? this.#snapshotIndex + 1 : 0;
    this.#become("probe");
    this.#next = Math.max(this.#match + 1, next);
    this.#sentCommit = Math.min(this.#sentCommit, this.#next - 1);
  }

  becomeReplicate(): void {
    this.#become("replicate");
    this.#next = this.#match + 1;
  }

  becomeSnapshot(index: LogIndex): void {
    this.#become("snapshot");
    this.#snapshotIndex = index;
  }

  /** The driver's word on the snapshot; either way the next append waits for a sign of life. */
  snapshotEnded(isSuccess: boolean): void {
    if (this.#state !== "snapshot") {
      return;
    }
    if (!isSuccess) {
      this.#snapshotIndex = 0;
    }
    this.becomeProbe();
    this.#isHeld = true;
  }

  #become(state: ProgressState): void {
    this.#state = state;
    this.#isHeld = false;
    if (state !== "snapshot") {
      this.#snapshotIndex = 0;
    }
    this.inflights.clear();
  }
}
