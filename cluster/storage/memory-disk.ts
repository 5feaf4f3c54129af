import type { Entry, HardState, SnapshotPoint } from "../raft/types.ts";
import { type AppliedRecord, emptyConfiguration } from "./records.ts";
import type {
  NodeRecord,
  StateView,
  StateWrite,
  StorageChange,
  StorageRestore,
} from "./storage.ts";

/** What a simulated disk holds durably: it outlives the storage that writes to it, as a disk outlives its process. */
export class MemoryDisk {
  #incarnation = 0;
  #nodeRecord: NodeRecord | null = null;
  #hardState: HardState = { term: 0, vote: null, commit: 0 };
  #snapshot: SnapshotPoint = { index: 0, term: 0, configuration: emptyConfiguration };
  #entries: Entry[] = [];
  #applied: AppliedRecord | null = null;
  #state = new Map<string, Uint8Array>();
  #staging: Map<string, Uint8Array> | null = null;

  get entriesSizeBytes(): number {
    return this.#entries.reduce((sizeBytes, entry) => sizeBytes + entry.data.byteLength, 0);
  }

  /** A start of the node: the incarnation rises, and what was staged is forgotten. */
  start(): StorageRestore {
    this.#incarnation++;
    this.#staging = null;
    const applied = this.#applied ?? this.#snapshot;
    return {
      incarnation: this.#incarnation,
      nodeRecord: this.#nodeRecord,
      hardState: this.#hardState,
      snapshot: this.#snapshot,
      entries: [...this.#entries],
      appliedIndex: applied.index,
      appliedTerm: applied.term,
      configuration: applied.configuration,
    };
  }

  beginStaging(): void {
    this.#staging = new Map();
  }

  stage(records: readonly StateWrite[]): void {
    if (this.#staging !== null) writeAll(this.#staging, records);
  }

  /** In the order in which LevelStorage merges: install, entries, hard state, applied, compaction. */
  apply(change: StorageChange): void {
    if (change.installSnapshot !== undefined) {
      this.#state = this.#staging ?? new Map();
      this.#staging = null;
      this.#entries = [];
      this.#snapshot = change.installSnapshot;
      this.#applied = change.installSnapshot;
    }
    if (change.entries !== undefined && change.entries.length > 0) {
      this.#entries.length = change.entries[0]!.index - this.#snapshot.index - 1;
      this.#entries.push(...change.entries);
    }
    if (change.hardState !== undefined) this.#hardState = change.hardState;
    if (change.applied !== undefined) {
      const { index, term, configuration, writes } = change.applied;
      writeAll(this.#state, writes);
      this.#applied = { index, term, configuration };
    }
    if (change.compactTo !== undefined && change.compactTo.index >= this.#snapshot.index) {
      this.#entries = this.#entries.slice(change.compactTo.index - this.#snapshot.index);
      this.#snapshot = change.compactTo;
    }
    if (change.nodeRecord !== undefined) this.#nodeRecord = change.nodeRecord;
  }

  records(): StateWrite[] {
    const keys = [...this.#state.keys()].sort();
    return keys.map((key) => ({ key, value: this.#state.get(key)! }));
  }

  view(): StateView | null {
    if (this.#applied === null || this.#applied.index === 0) return null;
    return new MemoryStateView(this.#applied, this.records());
  }
}

class MemoryStateView implements StateView {
  readonly point: SnapshotPoint;
  readonly #records: readonly StateWrite[];

  constructor({ index, term, configuration }: AppliedRecord, records: readonly StateWrite[]) {
    this.point = { index, term, configuration };
    this.#records = records;
  }

  async *chunks(
    chunkSizeBytes: number,
    after: string | null = null,
  ): AsyncGenerator<readonly StateWrite[]> {
    let chunk: StateWrite[] = [];
    let sizeBytes = 0;
    for (const record of this.#records) {
      if (after !== null && record.key <= after) continue;
      chunk.push(record);
      sizeBytes += record.key.length + record.value!.byteLength;
      if (sizeBytes >= chunkSizeBytes) {
        yield chunk;
        chunk = [];
        sizeBytes = 0;
      }
    }
    if (chunk.length > 0) yield chunk;
  }

  async close(): Promise<void> {}
}

function writeAll(state: Map<string, Uint8Array>, writes: readonly StateWrite[]): void {
  for (const { key, value } of writes) {
    if (value === null) state.delete(key);
    else state.set(key, value);
  }
}
