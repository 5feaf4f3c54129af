import { defaultGroup, type Entry, type SnapshotPoint } from "../raft/types.ts";
import { groupKey, logKey, prefix, statePrefix } from "./keys.ts";
import { chainInRecord, chainStart, encodeLogRecord } from "./log-record.ts";
import { LogTable } from "./log-table.ts";
import type { AppliedRecord, SnapshotRecord, TruncationRecord } from "./records.ts";
import type { StoredNode } from "./restore.ts";
import { seal } from "./sealed.ts";
import type { StateWrite, StorageChange } from "./storage.ts";
import type { DurablePoint, WriteBatch } from "./write-batch.ts";

/**
 * Turns changes into operations, in the order in which they are handed over, and knows what the log is once all
 * of them are on disk.
 */
export class LevelChanges {
  #table: LogTable;
  #generation: number;
  #stagingGeneration: number | null = null;
  #generationMax: number;
  #truncation: TruncationRecord | null;
  #statePrefix: string;
  /** Batch that the floor on disk stands for: a truncation it does not know yet must be kept. */
  readonly #floorSequence: () => number;

  constructor(stored: StoredNode, floorSequence: () => number) {
    this.#table = stored.table;
    this.#generation = stored.generation;
    this.#generationMax = stored.generation;
    this.#statePrefix = statePrefix(defaultGroup, stored.generation);
    this.#truncation = stored.truncation;
    this.#floorSequence = floorSequence;
  }

  get isStaging(): boolean {
    return this.#stagingGeneration !== null;
  }

  get logSizeBytes(): number {
    return this.#table.sizeBytes;
  }

  /** What the floor may say once `batch`, as filled so far, is on disk. */
  pointOf(batch: WriteBatch): DurablePoint {
    const { lastIndex } = this.#table;
    return { sequence: batch.sequence, lastIndex, chain: this.#table.chainHexAt(lastIndex) };
  }

  /** A number no earlier generation has, and the unfinished one that it replaces. */
  beginStaging(): number | null {
    const abandoned = this.#stagingGeneration;
    this.#generationMax++;
    this.#stagingGeneration = this.#generationMax;
    return abandoned;
  }

  stage(records: readonly StateWrite[], batch: WriteBatch): void {
    this.#putState(records, statePrefix(defaultGroup, this.#stagingGeneration!), batch, false);
  }

  /**
   * The change was admitted by LogBounds. Answers the generation that is no longer needed, if any. `isUnchanging`: nobody changes the values
   * of its effects afterwards.
   */
  add(change: StorageChange, batch: WriteBatch, isUnchanging = false): number | null {
    let dropped: number | null = null;
    if (change.installSnapshot !== undefined)
      dropped = this.#install(change.installSnapshot, batch);
    if (change.entries !== undefined) this.#append(change.entries, batch);
    if (change.hardState !== undefined) {
      batch.record(groupKey("hardState", defaultGroup), change.hardState);
    }
    if (change.applied !== undefined) {
      const { writes, index, term, configuration } = change.applied;
      this.#putState(writes, this.#statePrefix, batch, isUnchanging);
      this.#putApplied({ index, term, configuration }, batch);
    }
    if (change.compactTo !== undefined) this.#compact(change.compactTo, batch);
    if (change.nodeRecord !== undefined) batch.record(prefix.node, change.nodeRecord);
    return dropped;
  }

  #append(entries: readonly Entry[], batch: WriteBatch): void {
    const first = entries[0]?.index;
    if (first === undefined) return;
    const replacedLast = this.#table.lastIndex;
    if (first <= replacedLast) this.#truncate(first - 1, batch);
    for (const entry of entries) {
      const record = encodeLogRecord(
        defaultGroup,
        entry,
        this.#table.chainAt(this.#table.lastIndex),
      );
      batch.put(logKey(defaultGroup, entry.index), record);
      this.#table.append(chainInRecord(record), record.byteLength);
    }
    for (let index = this.#table.lastIndex + 1; index <= replacedLast; index++) {
      batch.delete(logKey(defaultGroup, index));
    }
  }

  #truncate(index: number, batch: WriteBatch): void {
    this.#table.truncateTo(index);
    this.#recordTruncation(index, batch);
  }

  /** Floors from before this batch may reach further than the log now does: they hold up to `index` only. */
  #recordTruncation(index: number, batch: WriteBatch): void {
    const earlier = this.#truncation;
    const isStillNeeded = earlier !== null && earlier.sequence > this.#floorSequence();
    const lowest = isStillNeeded ? Math.min(earlier.index, index) : index;
    this.#truncation = { sequence: batch.sequence, index: lowest };
    batch.record(groupKey("truncation", defaultGroup), this.#truncation);
  }

  /**
   * The staged generation becomes the live one. The whole log goes: an entry behind the snapshot belongs to another
   * history, and the chain starts anew, so that an earlier floor vouches only for what is below the snapshot.
   */
  #install(point: SnapshotPoint, batch: WriteBatch): number {
    const dropped = this.#generation;
    for (let index = this.#table.baseIndex + 1; index <= this.#table.lastIndex; index++) {
      batch.delete(logKey(defaultGroup, index));
    }
    this.#generation = this.#stagingGeneration!;
    this.#stagingGeneration = null;
    this.#statePrefix = statePrefix(defaultGroup, this.#generation);
    batch.record(groupKey("generation", defaultGroup), this.#generation);
    this.#table = new LogTable(point.index, chainStart);
    this.#recordTruncation(point.index - 1, batch);
    this.#putPoint(point, batch);
    const { index, term, configuration } = point;
    this.#putApplied({ index, term, configuration }, batch);
    return dropped;
  }

  #compact(point: SnapshotPoint, batch: WriteBatch): void {
    if (point.index < this.#table.baseIndex) return;
    for (let index = this.#table.baseIndex + 1; index <= point.index; index++) {
      batch.delete(logKey(defaultGroup, index));
    }
    this.#table.dropThrough(point.index);
    this.#putPoint(point, batch);
  }

  #putPoint(point: SnapshotPoint, batch: WriteBatch): void {
    const { index, term, configuration } = point;
    const chain = this.#table.chainHexAt(index);
    const record: SnapshotRecord = { index, term, configuration, chain };
    batch.record(groupKey("snapshot", defaultGroup), record);
  }

  #putApplied(applied: AppliedRecord, batch: WriteBatch): void {
    batch.record(groupKey("applied", defaultGroup), applied);
  }

  #putState(
    writes: readonly StateWrite[],
    start: string,
    batch: WriteBatch,
    isUnchanging: boolean,
  ): void {
    for (const { key: name, value } of writes) {
      const key = start + name;
      if (value === null) batch.delete(key);
      else if (isUnchanging) batch.putSealed(key, value);
      else batch.put(key, seal(key, value));
    }
  }
}
