import type { LogIndex, SnapshotPoint, Term } from "../../cluster/raft/types.ts";
import type { StorageChange } from "../../cluster/storage/storage.ts";
import { hashEntry } from "./facts.ts";

export interface LogMark {
  readonly term: Term;
  readonly hash: number;
}

export type LogChange = Pick<StorageChange, "installSnapshot" | "entries" | "compactTo">;

/** What of a log matters to the checks: term and content of each entry after the snapshot point. */
export class LogImage {
  baseIndex: LogIndex = 0;
  baseTerm: Term = 0;
  marks: LogMark[] = [];

  get lastIndex(): LogIndex {
    return this.baseIndex + this.marks.length;
  }

  at(index: LogIndex): LogMark | undefined {
    return this.marks[index - this.baseIndex - 1];
  }

  termAt(index: LogIndex): Term | undefined {
    return index === this.baseIndex ? this.baseTerm : this.at(index)?.term;
  }

  /** In the order in which disks take the parts of a change. */
  change({ installSnapshot, entries, compactTo }: LogChange): void {
    if (installSnapshot !== undefined) this.restart(installSnapshot);
    if (entries !== undefined && entries.length > 0) {
      this.marks.length = (entries[0]?.index ?? 0) - this.baseIndex - 1;
      for (const entry of entries) this.marks.push({ term: entry.term, hash: hashEntry(entry) });
    }
    if (compactTo !== undefined && compactTo.index > this.baseIndex) {
      this.marks = this.marks.slice(compactTo.index - this.baseIndex);
      this.baseIndex = compactTo.index;
      this.baseTerm = compactTo.term;
    }
  }

  restart({ index, term }: SnapshotPoint): void {
    this.baseIndex = index;
    this.baseTerm = term;
    this.marks = [];
  }
}
