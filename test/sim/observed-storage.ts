import {
  type Configuration,
  type Entry,
  EntryType,
  type LogIndex,
} from "../../cluster/raft/types.ts";
import type {
  ClusterStorage,
  StateView,
  StateWrite,
  StorageChange,
  StorageRestore,
  StorageStats,
} from "../../cluster/storage/storage.ts";
import type { DurableImage } from "./durable-image.ts";
import type { Facts } from "./facts.ts";
import { LogImage } from "./log-image.ts";
import type { Rules } from "./rules.ts";

export interface ObservedStorageOptions {
  readonly nodeId: string;
  readonly facts: Facts;
  readonly rules: Rules;
  readonly storage: ClusterStorage;
  /** What the disk below `storage` has confirmed. */
  readonly durable: DurableImage;
  /** Opened: what differs from what was confirmed, or null. */
  readonly opened: (difference: string | null) => void;
  /** The state is about to be read from the disk, as of this index. */
  readonly loading: (index: number) => void;
}

/** A storage with every change shown to the checks: what a node wants stored is what it believes. */
export class ObservedStorage implements ClusterStorage {
  readonly #options: ObservedStorageOptions;
  readonly #storage: ClusterStorage;
  /** The log as this process sees it; the disk follows. */
  readonly log = new LogImage();
  #appliedIndex = 0;
  #configuration: Configuration | null = null;
  /** Those in force before, the latest last. */
  earlierConfigurations: readonly Configuration[] = [];
  #outgoing: { readonly configuration: Configuration; readonly untilIndex: number } | null = null;
  /** Of the changes of configuration in the log, compacted or not. */
  #changes: LogIndex[] = [];

  constructor(options: ObservedStorageOptions) {
    this.#options = options;
    this.#storage = options.storage;
  }

  get appliedIndex(): LogIndex {
    return this.#appliedIndex;
  }

  /** In force at what this process has applied. */
  get configuration(): Configuration | null {
    return this.#configuration;
  }

  /** A change of configuration stands in the log that is not applied yet; it may still come into force. */
  get hasChangeAhead(): boolean {
    return this.#changes.some((index) => index > this.#appliedIndex);
  }

  get isJoint(): boolean {
    return (this.#configuration?.votersOutgoing.length ?? 0) > 0;
  }

  async open(): Promise<StorageRestore> {
    const restore = await this.#storage.open();
    this.#options.opened(this.#options.durable.difference(restore));
    this.log.restart(restore.snapshot);
    this.log.change({ entries: restore.entries });
    this.#appliedIndex = restore.appliedIndex;
    this.#configuration = restore.configuration;
    this.#noteChanges(restore.entries);
    return restore;
  }

  write(change: StorageChange, done: () => void): void {
    const { facts, nodeId, rules } = this.#options;
    const { entries, applied, installSnapshot, hardState } = change;
    if (hardState !== undefined) rules.knowsCommit(hardState.commit);
    if (entries !== undefined && entries.length > 0 && installSnapshot === undefined) {
      this.#checkChanges(entries);
      facts.logged(this.log.termAt((entries[0]?.index ?? 0) - 1), entries);
    }
    this.log.change(change);
    if (entries !== undefined) this.#noteChanges(entries);
    if (change.compactTo !== undefined) facts.beginsAfter(nodeId, change.compactTo);
    if (installSnapshot !== undefined) {
      facts.beginsAfter(nodeId, installSnapshot);
      facts.snapshotsInstalled++;
      this.#appliedIndex = installSnapshot.index;
      this.#configuration = installSnapshot.configuration;
    }
    if (applied !== undefined) this.#applied(applied);
    if (change.compactTo !== undefined) facts.compactions++;
    const { queuedChanges } = this.#storage.stats();
    facts.demand(
      queuedChanges < queuedChangesMax,
      "bounded queues",
      () => `${nodeId} has ${queuedChanges} changes waiting for its disk`,
    );
    this.#storage.write(change, done);
  }

  loadState(visit: (key: string, value: Uint8Array) => void): Promise<void> {
    this.#options.loading(this.#options.durable.appliedIndex);
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

  /** What nobody had in its log before is what a leader appends. */
  #checkChanges(entries: readonly Entry[]): void {
    const { facts, rules, nodeId } = this.#options;
    const speaker = { nodeId, log: this.log, configuration: () => this.#configuration };
    for (const entry of entries) {
      if (entry.type !== EntryType.configChange || facts.knows(entry)) continue;
      const last = this.#changes.findLast((index) => index < entry.index) ?? 0;
      facts.changes.push({ index: entry.index, term: entry.term });
      rules.changes(speaker, entry, last > this.#appliedIndex ? last : null);
    }
  }

  #noteChanges(entries: readonly Entry[]): void {
    const [first] = entries;
    if (first === undefined) return;
    while ((this.#changes.at(-1) ?? 0) >= first.index) this.#changes.pop();
    for (const { type, index } of entries) {
      if (type === EntryType.configChange) this.#changes.push(index);
    }
  }

  #applied({ index, configuration }: NonNullable<StorageChange["applied"]>): void {
    const { facts, nodeId } = this.#options;
    facts.demand(
      index > this.#appliedIndex,
      "monotonic applied index",
      () => `${nodeId} applies ${index} after ${this.#appliedIndex}`,
    );
    const before = this.#configuration ?? configuration;
    facts.applied(
      nodeId,
      this.#appliedIndex + 1,
      index,
      this.log,
      this.#mayHaveCounted(index, [before, configuration]),
    );
    facts.configured(index, configuration);
    this.#appliedIndex = index;
    if (configuration !== before) {
      this.earlierConfigurations = [...this.earlierConfigurations, before].slice(-earlierMax);
      this.#outgoing = { configuration: before, untilIndex: this.log.lastIndex };
    }
    this.#configuration = configuration;
  }

  /** What was in the log when a configuration came into force may have been committed before, by that of then. */
  #mayHaveCounted(
    index: number,
    configurations: readonly Configuration[],
  ): readonly Configuration[] {
    const { configuration, untilIndex } = this.#outgoing ?? { untilIndex: -1 };
    const isEarlier = configuration !== undefined && index <= untilIndex;
    return isEarlier ? [configuration, ...configurations] : configurations;
  }
}

/** A vote that waits for a slow disk may be that much older. */
const earlierMax = 3;

/** The log pauses at 1024; what is under way then may still add some. */
const queuedChangesMax = 2048;
