import type { Configuration } from "../../cluster/raft/types.ts";
import { MemoryStorage } from "../../cluster/storage/memory-storage.ts";
import type {
  ClusterStorage,
  StateView,
  StateWrite,
  StorageChange,
  StorageRestore,
  StorageStats,
} from "../../cluster/storage/storage.ts";
import type { Facts } from "./facts.ts";
import { LogImage, type ObservedDisk } from "./observed-disk.ts";

export interface ObservedStorageOptions {
  readonly nodeId: string;
  readonly facts: Facts;
  readonly disk: ObservedDisk;
  /** Called when a batch sets out for the disk. */
  readonly schedule: (run: () => void) => void;
  readonly onFailure: (error: Error) => void;
  /** The state is about to be read from the disk, as of this index. */
  readonly loading: (index: number) => void;
}

/** The memory storage, with every change shown to the checks: what a node wants stored is what it believes. */
export class ObservedStorage implements ClusterStorage {
  readonly #options: ObservedStorageOptions;
  readonly #storage: MemoryStorage;
  /** The log as this process sees it; the disk follows. */
  readonly log = new LogImage();
  #appliedIndex = 0;
  #configuration: Configuration | null = null;

  constructor(options: ObservedStorageOptions) {
    this.#options = options;
    const { schedule, onFailure, disk } = options;
    this.#storage = new MemoryStorage(schedule, { onFailure }, disk);
  }

  /** In force at what this process has applied. */
  get configuration(): Configuration | null {
    return this.#configuration;
  }

  get isJoint(): boolean {
    return (this.#configuration?.votersOutgoing.length ?? 0) > 0;
  }

  async open(): Promise<StorageRestore> {
    const restore = await this.#storage.open();
    this.log.restart(restore.snapshot);
    this.log.change({ groupId: 0, entries: restore.entries });
    this.#appliedIndex = restore.appliedIndex;
    this.#configuration = restore.configuration;
    return restore;
  }

  write(change: StorageChange, done: () => void): void {
    const { facts, nodeId } = this.#options;
    const { entries, applied, installSnapshot } = change;
    if (entries !== undefined && entries.length > 0 && installSnapshot === undefined) {
      facts.logged(this.log.termAt((entries[0]?.index ?? 0) - 1), entries);
    }
    this.log.change(change);
    if (installSnapshot !== undefined) {
      facts.snapshotsInstalled++;
      this.#appliedIndex = installSnapshot.index;
      this.#configuration = installSnapshot.configuration;
    }
    if (applied !== undefined) this.#applied(applied);
    if (change.compactTo !== undefined) facts.compactions++;
    facts.demand(
      this.#storage.stats().queuedChanges < queuedChangesMax,
      "bounded queues",
      `${nodeId} has ${this.#storage.stats().queuedChanges} changes waiting for its disk`,
    );
    this.#storage.write(change, done);
  }

  loadState(visit: (key: string, value: Uint8Array) => void): Promise<void> {
    this.#options.loading(this.#options.disk.appliedIndex);
    return this.#storage.loadState(visit);
  }

  openStateView(): Promise<StateView | null> {
    return this.#storage.openStateView();
  }

  beginStaging(): Promise<void> {
    return this.#storage.beginStaging();
  }

  stage(records: readonly StateWrite[]): Promise<void> {
    return this.#storage.stage(records);
  }

  stats(): StorageStats {
    return this.#storage.stats();
  }

  close(): Promise<void> {
    return this.#storage.close();
  }

  crash(inFlight: "lost" | "kept"): void {
    this.#storage.crash(inFlight);
  }

  fail(error: Error): void {
    this.#storage.fail(error);
  }

  #applied({ index, configuration }: NonNullable<StorageChange["applied"]>): void {
    const { facts, nodeId } = this.#options;
    facts.demand(
      index > this.#appliedIndex,
      "monotonic applied index",
      `${nodeId} applies ${index} after ${this.#appliedIndex}`,
    );
    const before = this.#configuration ?? configuration;
    facts.applied(nodeId, this.#appliedIndex + 1, index, this.log, [before, configuration]);
    facts.configured(index, configuration);
    this.#appliedIndex = index;
    this.#configuration = configuration;
  }
}

/** The log pauses at 1024; what is under way then may still add some. */
const queuedChangesMax = 2048;
