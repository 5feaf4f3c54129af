import type { Configuration, Entry, LogIndex, SnapshotPoint, Term } from "../raft/types.ts";

export interface LogWindowLimits {
  /** The log is cut when it holds more than this since the last cut... */
  readonly sizeBytesMax: number;
  readonly entriesMax: number;
  /** ...and this much is kept, so that a slow follower catches up by log instead of by snapshot. */
  readonly keptSizeBytes: number;
  readonly keptEntries: number;
}

interface Mark {
  readonly index: LogIndex;
  readonly term: Term;
  /** Bytes of all entries up to and including `index`, from an arbitrary origin. */
  readonly cumulativeSizeBytes: number;
}

const entriesPerMark = 64;

/**
 * Decides up to where the log may be forgotten. It remembers a mark every 64 applied entries and the configurations in
 * force, since a cut needs the term and the configuration at its index.
 */
export class LogWindow {
  readonly #limits: LogWindowLimits;
  #marks: Mark[] = [];
  #configurations: { index: LogIndex; configuration: Configuration }[] = [];
  #cumulativeSizeBytes = 0;
  #start: { index: LogIndex; cumulativeSizeBytes: number };
  #lastIndex: LogIndex;

  constructor(limits: LogWindowLimits, start: SnapshotPoint) {
    this.#limits = limits;
    this.#start = { index: start.index, cumulativeSizeBytes: 0 };
    this.#lastIndex = start.index;
    this.#configurations.push({ index: start.index, configuration: start.configuration });
  }

  applied(entry: Entry): void {
    this.#cumulativeSizeBytes += entry.data.byteLength + 32;
    this.#lastIndex = entry.index;
    if (entry.index % entriesPerMark === 0) {
      this.#marks.push({
        index: entry.index,
        term: entry.term,
        cumulativeSizeBytes: this.#cumulativeSizeBytes,
      });
    }
  }

  configured(index: LogIndex, configuration: Configuration): void {
    this.#configurations.push({ index, configuration });
  }

  /** The log was replaced by a snapshot. */
  restart(point: SnapshotPoint): void {
    this.#marks = [];
    this.#configurations = [{ index: point.index, configuration: point.configuration }];
    this.#start = { index: point.index, cumulativeSizeBytes: this.#cumulativeSizeBytes };
    this.#lastIndex = point.index;
  }

  /** The point to cut at, or null while the log is short enough. `durableIndex`: applied and on disk up to there. */
  cut(durableIndex: LogIndex): SnapshotPoint | null {
    const sizeBytes = this.#cumulativeSizeBytes - this.#start.cumulativeSizeBytes;
    const entries = this.#lastIndex - this.#start.index;
    if (sizeBytes <= this.#limits.sizeBytesMax && entries <= this.#limits.entriesMax) return null;
    let best: Mark | null = null;
    for (const mark of this.#marks) {
      const isKeepingEnough =
        entries > this.#limits.entriesMax
          ? this.#lastIndex - mark.index >= this.#limits.keptEntries
          : this.#cumulativeSizeBytes - mark.cumulativeSizeBytes >= this.#limits.keptSizeBytes;
      if (mark.index > durableIndex || !isKeepingEnough) break;
      best = mark;
    }
    if (best === null) return null;
    const configuration = this.#configurationAt(best.index);
    this.#start = { index: best.index, cumulativeSizeBytes: best.cumulativeSizeBytes };
    const cutIndex = best.index;
    this.#marks = this.#marks.filter((mark) => mark.index > cutIndex);
    return { index: best.index, term: best.term, configuration };
  }

  #configurationAt(index: LogIndex): Configuration {
    while (this.#configurations.length > 1 && (this.#configurations[1]?.index ?? 0) <= index) {
      this.#configurations.shift();
    }
    return (this.#configurations[0] as { configuration: Configuration }).configuration;
  }
}
