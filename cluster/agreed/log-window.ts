import type { Entry, LogIndex } from "../raft/types.ts";

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
  /** Bytes of all entries up to and including `index`, from an arbitrary origin. */
  readonly cumulativeSizeBytes: number;
}

const entriesPerMark = 64;
/** What an entry takes besides its data, roughly. */
const entryOverheadSizeBytes = 32;

/** Decides up to where the log may be forgotten. It remembers a mark every 64 applied entries. */
export class LogWindow {
  readonly #limits: LogWindowLimits;
  #marks: Mark[] = [];
  #cumulativeSizeBytes = 0;
  #start: Mark;
  #lastIndex: LogIndex;

  /** `startIndex`: the log begins after it. */
  constructor(limits: LogWindowLimits, startIndex: LogIndex) {
    this.#limits = limits;
    this.#start = { index: startIndex, cumulativeSizeBytes: 0 };
    this.#lastIndex = startIndex;
  }

  applied(entry: Entry): void {
    this.#cumulativeSizeBytes += entry.data.byteLength + entryOverheadSizeBytes;
    this.#lastIndex = entry.index;
    if (entry.index % entriesPerMark === 0) {
      this.#marks.push({ index: entry.index, cumulativeSizeBytes: this.#cumulativeSizeBytes });
    }
  }

  /** The log was replaced by a snapshot. */
  restart(index: LogIndex): void {
    this.#marks = [];
    this.#start = { index, cumulativeSizeBytes: this.#cumulativeSizeBytes };
    this.#lastIndex = index;
  }

  /** The log was cut at `index` for another reason than its length. */
  cutAt(index: LogIndex): void {
    const before = this.#marks.filter((mark) => mark.index <= index).at(-1);
    const cumulativeSizeBytes = before?.cumulativeSizeBytes ?? this.#start.cumulativeSizeBytes;
    this.#start = { index, cumulativeSizeBytes };
    this.#marks = this.#marks.filter((mark) => mark.index > index);
  }

  /** The index to cut at, or null while the log is short enough. `durableIndex`: applied and on disk up to there. */
  cut(durableIndex: LogIndex): LogIndex | null {
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
    this.#start = best;
    const cutIndex = best.index;
    this.#marks = this.#marks.filter((mark) => mark.index > cutIndex);
    return cutIndex;
  }
}
