import { invariant } from "./invariant.ts";
import type { Entry, LogIndex, SnapshotPoint, Term } from "./types.ts";

/** What an entry costs beside its bytes in memory and on the wire. */
const entryOverheadBytes = 16;

export function sizeOf(entry: Pick<Entry, "data">): number {
  return entry.data.length + entryOverheadBytes;
}

/** One write handed to the disk, as far as it still speaks of the log as it is now. */
interface WriteInFlight {
  lastIndex: LogIndex;
  readonly installsSnapshot: boolean;
}

/** What the disk has to learn about the log. */
export interface LogWrite {
  readonly entries: readonly Entry[];
  readonly snapshot: SnapshotPoint | null;
}

/**
 * The log as this node sees it, kept in memory from the last compaction on. Five positions move along it:
 *
 *     base <= applied <= handed out for applying <= commit <= last
 *     base <= stable <= handed to the disk <= last
 *
 * `stable` is what is durable here. A truncation takes back what writes still under way claim, so that the
 * completion of an old write never makes a newer entry with the same index and term stable.
 */
export class RaftLog {
  #baseIndex: LogIndex;
  #baseTerm: Term;
  #entries: Entry[];
  #stable: LogIndex;
  #written: LogIndex;
  #commit: LogIndex;
  #applied: LogIndex;
  #applying: LogIndex;
  #snapshotToWrite: SnapshotPoint | null = null;
  readonly #writesInFlight: WriteInFlight[] = [];

  constructor(snapshot: SnapshotPoint, entries: readonly Entry[], commit: number, applied: number) {
    this.#baseIndex = snapshot.index;
    this.#baseTerm = snapshot.term;
    this.#entries = [...entries];
    for (const [offset, entry] of entries.entries()) {
      const previousTerm = entries[offset - 1]?.term ?? snapshot.term;
      invariant(entry.index === snapshot.index + 1 + offset, "restored entries are contiguous", {
        index: entry.index,
      });
      invariant(entry.term >= previousTerm, "terms never decrease along the log", {
        index: entry.index,
      });
    }
    this.#stable = this.lastIndex;
    this.#written = this.lastIndex;
    this.#applied = applied;
    this.#applying = applied;
    this.#commit = Math.max(commit, applied, snapshot.index);
    invariant(applied >= snapshot.index, "the restored state is not behind its log", { applied });
    invariant(this.#commit <= this.lastIndex, "the restored log reaches the commit index", {
      commit: this.#commit,
      lastIndex: this.lastIndex,
    });
  }

  /** The last index that was compacted away; its term is still known. */
  get baseIndex(): LogIndex {
    return this.#baseIndex;
  }

  get baseTerm(): Term {
    return this.#baseTerm;
  }

  get lastIndex(): LogIndex {
    return this.#baseIndex + this.#entries.length;
  }

  get lastTerm(): Term {
    return this.#entries.at(-1)?.term ?? this.#baseTerm;
  }

  get stableIndex(): LogIndex {
    return this.#stable;
  }

  get commitIndex(): LogIndex {
    return this.#commit;
  }

  get appliedIndex(): LogIndex {
    return this.#applied;
  }

  /** True from the moment a snapshot replaced the log until that is durable; nothing is applied meanwhile. */
  get isInstalling(): boolean {
    return (
      this.#snapshotToWrite !== null || this.#writesInFlight.some((write) => write.installsSnapshot)
    );
  }

  get hasUnwritten(): boolean {
    return this.#snapshotToWrite !== null || this.#written < this.lastIndex;
  }

  get hasCommittedToApply(): boolean {
    return this.#applying === this.#applied && this.#commit > this.#applied && !this.isInstalling;
  }

  /** Undefined when the index is compacted away or not there yet. */
  termAt(index: LogIndex): Term | undefined {
    return index === this.#baseIndex
      ? this.#baseTerm
      : this.#entries[index - this.#baseIndex - 1]?.term;
  }

  holds(index: LogIndex, term: Term): boolean {
    return this.termAt(index) === term;
  }

  /** The vote rule of Raft section 5.4.1. */
  isUpToDate(lastIndex: LogIndex, lastTerm: Term): boolean {
    return lastTerm > this.lastTerm || (lastTerm === this.lastTerm && lastIndex >= this.lastIndex);
  }

  /** Entries from `from` on, at most `sizeBytesMax` together, yet at least one if there is one. */
  entriesFrom(from: LogIndex, sizeBytesMax: number, through = this.lastIndex): readonly Entry[] {
    invariant(from > this.#baseIndex, "entries read from the log are not compacted", { from });
    const start = from - this.#baseIndex - 1;
    const limit = through - this.#baseIndex;
    let end = start;
    let sizeBytes = 0;
    for (; end < limit; end += 1) {
      sizeBytes += sizeOf(this.#entries[end]!);
      if (sizeBytes > sizeBytesMax && end > start) {
        break;
      }
    }
    return start >= limit ? [] : this.#entries.slice(start, end);
  }

  /** Appends a leader's own entries. */
  append(entries: readonly Entry[]): void {
    for (const entry of entries) {
      invariant(entry.index === this.lastIndex + 1, "a leader appends at the end", {
        index: entry.index,
      });
      invariant(entry.term >= this.lastTerm, "terms never decrease along the log");
      this.#entries.push(entry);
    }
  }

  /**
   * Takes over entries that follow a matching previous entry. What is there already stays, even if a late
   * message ends before our last entry; the first conflict drops the rest (Raft section 5.3).
   */
  merge(entries: readonly Entry[]): void {
    const firstNew = entries.findIndex((entry) => !this.holds(entry.index, entry.term));
    if (firstNew === -1) {
      return;
    }
    const from = entries[firstNew]!.index;
    invariant(from > this.#commit, "a committed entry is never replaced", { index: from });
    this.#truncateTo(from - 1);
    this.append(entries.slice(firstNew));
  }

  #truncateTo(index: LogIndex): void {
    this.#entries.length = index - this.#baseIndex;
    this.#stable = Math.min(this.#stable, index);
    this.#written = Math.min(this.#written, index);
    for (const write of this.#writesInFlight) {
      write.lastIndex = Math.min(write.lastIndex, index);
    }
  }

  /**
   * The last index at or before `index` whose term is at most `term`, and its term (0 when compacted away): a
   * guess of the last common entry that skips a whole term of conflicts at once.
   */
  lastWithTermAtMost(index: LogIndex, term: Term): { index: LogIndex; term: Term } {
    for (let at = Math.min(index, this.lastIndex); at > 0; at -= 1) {
      const ours = this.termAt(at);
      if (ours === undefined || ours <= term) {
        return { index: at, term: ours ?? 0 };
      }
    }
    return { index: 0, term: 0 };
  }

  commitTo(index: LogIndex): boolean {
    if (index <= this.#commit) {
      return false;
    }
    invariant(index <= this.lastIndex, "the log reaches what the leader says is committed", {
      index,
      lastIndex: this.lastIndex,
    });
    this.#commit = index;
    return true;
  }

  /** The next committed entries; none while earlier ones are not yet applied. */
  takeCommitted(sizeBytesMax: number): readonly Entry[] {
    if (!this.hasCommittedToApply) {
      return [];
    }
    const entries = this.entriesFrom(this.#applying + 1, sizeBytesMax, this.#commit);
    this.#applying += entries.length;
    return entries;
  }

  appliedTo(index: LogIndex): void {
    invariant(index >= this.#applied && index <= this.#applying, "what is applied was handed out", {
      index,
      applied: this.#applied,
      handedOut: this.#applying,
    });
    this.#applied = index;
  }

  /** Forgets entries up to `index`, never past what is durable here. */
  compactTo(index: LogIndex): LogIndex {
    invariant(index <= this.#applied, "only applied entries are compacted", { index });
    const to = Math.min(index, this.#stable);
    if (to > this.#baseIndex) {
      const term = this.termAt(to)!;
      this.#entries = this.#entries.slice(to - this.#baseIndex);
      this.#baseIndex = to;
      this.#baseTerm = term;
    }
    return this.#baseIndex;
  }

  /** A snapshot that the log does not hold replaces all of it. */
  install(snapshot: SnapshotPoint): void {
    invariant(snapshot.index > this.#commit, "a snapshot never takes back a commit", {
      index: snapshot.index,
    });
    this.#truncateTo(this.#baseIndex);
    for (const write of this.#writesInFlight) {
      write.lastIndex = 0;
    }
    this.#baseIndex = snapshot.index;
    this.#baseTerm = snapshot.term;
    this.#entries = [];
    this.#stable = 0;
    this.#written = snapshot.index;
    this.#commit = snapshot.index;
    this.#applied = snapshot.index;
    this.#applying = snapshot.index;
    this.#snapshotToWrite = snapshot;
  }

  /** Hands out what the disk lacks; `finishWrite` must follow, in the same order. Also for a write without entries. */
  beginWrite(): LogWrite {
    const snapshot = this.#snapshotToWrite;
    const entries = this.#entries.slice(this.#written - this.#baseIndex);
    this.#written = this.lastIndex;
    this.#snapshotToWrite = null;
    const hasChange = entries.length > 0 || snapshot !== null;
    this.#writesInFlight.push({
      lastIndex: hasChange ? this.lastIndex : 0,
      installsSnapshot: snapshot !== null,
    });
    return { entries, snapshot };
  }

  finishWrite(): void {
    const write = this.#writesInFlight.shift();
    invariant(write !== undefined, "a finished write was begun");
    this.#stable = Math.max(this.#stable, write.lastIndex);
  }
}
