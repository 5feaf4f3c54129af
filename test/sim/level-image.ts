import type { LogIndex } from "../../cluster/raft/types.ts";
import type { Floor } from "../../cluster/storage/floor-file.ts";
import type { AppliedRecord, SnapshotRecord } from "../../cluster/storage/records.ts";
import { sealJson } from "../../cluster/storage/sealed.ts";
import type { DurableImage } from "./durable-image.ts";
import { type ImageFile, LogFilesImage } from "./log-files-image.ts";
import type { Seeded } from "./seeded.ts";
import type { StoredOperation } from "./sim-database.ts";

/** A batch in LevelDB's log, with what it takes to undo it. */
interface Logged {
  readonly operations: readonly StoredOperation[];
  isSynced: boolean;
  /** Number of the log file it stands in: a full file is closed without a sync. */
  readonly file: number;
  /** What each operation found, in their order. */
  readonly before: readonly (Buffer | undefined)[];
}

/** Batches that can be undone: more than a disk's cache would hold back. */
const journalMax = 256;
const rotationChance = 0.05;
const stateStart = "s/";

/**
 * What a node keeps on a simulated disk: the files of its log, and of LevelDB its records and its newest log files batch by batch, so that a power cut can drop what
 * was not synced and a lying disk what was. It outlives the processes that write to it.
 */
export class LevelImage {
  readonly durable: DurableImage;
  readonly records = new Map<string, Buffer>();
  readonly log: LogFilesImage;
  readonly #random: Seeded;
  #journal: Logged[] = [];
  #file = 0;
  #durableSequence = 0;
  /** Sealed, as it stands in its file. */
  floor: Buffer | null = null;
  /** What a check of the files finds; null: nothing. */
  fileDamage: string | null = null;

  constructor(durable: DurableImage, random: Seeded) {
    this.durable = durable;
    this.log = new LogFilesImage(durable, random);
    this.#random = random;
  }

  setFloor(floor: Floor): void {
    this.durable.demand(
      floor.stateSequence <= this.#durableSequence && floor.sequence <= this.log.sequence,
      "the floor is durable",
      `it stands for batches ${floor.stateSequence} and ${floor.sequence} of the log, synced are ${this.#durableSequence} and ${this.log.sequence}`,
    );
    this.floor = sealJson("floor", floor);
  }

  /** What the database or the log holds ends before what the floor stands for. */
  get isBelowFloor(): boolean {
    const sequence = record<number>(this.records, "q") ?? 0;
    const floor = this.floor && (JSON.parse(this.floor.toString("utf8", 4)) as Floor);
    if (floor === null) return false;
    return sequence < floor.stateSequence || this.log.lastSequence < floor.sequence;
  }

  /** Of the live generation of the replicated state. */
  get statePrefix(): string {
    return `s/0/${this.#generation}/`;
  }

  /** Files of the log that the next open needs. */
  get logFilesNeeded(): readonly ImageFile[] {
    const index = record<SnapshotRecord>(this.records, "p/0")?.index ?? 0;
    return this.log.needed(index, this.#generation);
  }

  get #generation(): number {
    return record<number>(this.records, "g/0") ?? 1;
  }

  get isEmpty(): boolean {
    return this.records.size === 0;
  }

  /** Readers see it from now on. A sync makes durable what stands in the same log file, and nothing of earlier ones. */
  write(operations: readonly StoredOperation[], isSynced: boolean): void {
    if (this.#random.chance(rotationChance)) this.#file++;
    const file = this.#file;
    if (isSynced) {
      const ofFile = this.#journal.slice(
        this.#journal.findLastIndex((one) => one.file !== file) + 1,
      );
      for (const earlier of ofFile) {
        if (!earlier.isSynced) this.#confirm(earlier.operations);
        earlier.isSynced = true;
      }
      this.#confirm(operations);
    }
    this.#journal.push({ operations, isSynced, file, before: this.#put(operations) });
    if (this.#journal.length > journalMax && this.#journal[0]?.isSynced) this.#journal.shift();
  }

  /** The power fails: of what was not synced each log file keeps a part from its start, or nothing. */
  powerCut(): void {
    const isLost = new Map<number, boolean>();
    const kept = this.#journal.filter(({ isSynced, file }) => {
      if (isSynced) return true;
      const isBehindLoss = isLost.get(file) === true || this.#random.chance(0.5);
      isLost.set(file, isBehindLoss);
      return !isBehindLoss;
    });
    if (kept.length < this.#journal.length) this.#rebuild(kept);
  }

  /** The disk had lied: of what it confirmed, the newest batches are gone. Answers how many. */
  loseTail(batches: number): number {
    const kept = this.#journal.slice(0, Math.max(0, this.#journal.length - batches));
    const lost = this.#journal.length - kept.length;
    this.#rebuild(kept);
    return lost;
  }

  #rebuild(kept: readonly Logged[]): void {
    for (const { operations, before } of this.#journal.toReversed()) {
      for (let at = operations.length - 1; at >= 0; at--) {
        const key = (operations[at] as StoredOperation).key;
        const value = before[at];
        if (value === undefined) this.records.delete(key);
        else this.records.set(key, value);
      }
    }
    this.#journal = kept.map((one) => ({ ...one, before: this.#put(one.operations) }));
  }

  #put(operations: readonly StoredOperation[]): (Buffer | undefined)[] {
    const { records } = this;
    return operations.map((operation) => {
      const { key } = operation;
      const before = records.get(key);
      if (operation.type === "del") records.delete(key);
      else records.set(key, operation.value);
      return before;
    });
  }

  #confirm(operations: readonly StoredOperation[]): void {
    const puts = new Map<string, Buffer>();
    for (const operation of operations) {
      // The replicated state is most of it, and judged by its digest when it is loaded.
      if (operation.key.startsWith(stateStart)) continue;
      if (operation.type === "del") puts.delete(operation.key);
      else puts.set(operation.key, operation.value);
    }
    const { durable } = this;
    this.#durableSequence = record<number>(puts, "q") ?? this.#durableSequence;
    const point = record<SnapshotRecord>(puts, "p/0");
    const generation = record<number>(puts, "g/0");
    const isInstalled = generation !== null;
    if (isInstalled) this.log.installed(generation);
    if (point !== null && isInstalled) durable.change({ installSnapshot: point });
    const appliedIndex = appliedIndexOf(puts);
    if (appliedIndex !== null) durable.change({ applied: { index: appliedIndex } });
    if (point !== null && !isInstalled) durable.change({ compactTo: point });
  }
}

/** Read here once more, since the product's own reading is under test: four bytes of CRC, then JSON. */
function record<Stored>(puts: ReadonlyMap<string, Buffer>, key: string): Stored | null {
  const sealed = puts.get(key);
  return sealed === undefined ? null : (JSON.parse(sealed.toString("utf8", 4)) as Stored);
}

/** Nearly every batch has one, and it begins with what is wanted; behind that all members stand. */
function appliedIndexOf(puts: ReadonlyMap<string, Buffer>): LogIndex | null {
  const start = puts.get("a/0")?.toString("latin1", 4, 32);
  const index = start && /^\{"index":(\d+),/.exec(start)?.[1];
  return index ? Number(index) : (record<AppliedRecord>(puts, "a/0")?.index ?? null);
}
