import type { AgreedState } from "../agreed/agreed-state.ts";
import type { ProposalOutcome } from "../cluster-api.ts";
import type { ClusterError } from "../errors.ts";
import type { NodeId } from "../node-id.ts";
import type { Clock, Counters, Log } from "../ports.ts";
import type { ClusterStatus } from "../status.ts";
import type { ClusterStorage } from "../storage/storage.ts";
import type { Transport } from "../transport/transport.ts";
import { type CompactedLog, CompactionDriver } from "./compaction-driver.ts";
import type { Consensus } from "./consensus.ts";
import { type DiskSpace, DiskWatch } from "./disk-watch.ts";
import { Scrubber } from "./scrubber.ts";
import { VerifyDriver } from "./verify-driver.ts";

export interface UpkeepOptions {
  readonly nodeId: NodeId;
  readonly name: string;
  readonly transport: Transport;
  readonly storage: ClusterStorage;
  readonly agreed: AgreedState;
  readonly consensus: Consensus;
  readonly clock: Clock;
  readonly log: Log;
  readonly status: () => Promise<ClusterStatus>;
  readonly condemn?: ((reason: string) => Promise<void>) | undefined;
  readonly onFatal: (error: Error) => void;
  readonly onCondemned?: ((error: ClusterError) => void) | undefined;
  readonly counters: Counters;
  readonly stateOf: (nodeId: NodeId) => "up" | "suspect" | "down";
  readonly diskSpace?: (() => Promise<DiskSpace>) | undefined;
  readonly diskReserveSizeBytes?: number | null;
  readonly scrubIntervalMs?: number;
}

/** What a node does for its data beside agreeing on it: proves it, scrubs it, cuts its log on request, keeps room for it. */
export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #verify: VerifyDriver;
  readonly #compaction: CompactionDriver;
  readonly #disk: DiskWatch;
  readonly #scrubber: Scrubber;
  /** Null while the content counts as right; then resolves when the next start will know that it does not. */
  #marked: Promise<void> | null = null;

  constructor(options: UpkeepOptions) {
    this.#options = options;
    const { consensus, agreed } = options;
    this.#verify = new VerifyDriver({
      ...options,
      digests: consensus.driver.digests,
      isVoter: (nodeId) => consensus.status().configuration.voters.includes(nodeId),
      readBarrier: (timeoutMs) => consensus.reads.wait(timeoutMs),
      appliedIndex: () => consensus.driver.appliedIndex,
      condemned: (error) => this.#condemned(error),
    });
    this.#compaction = new CompactionDriver({
      ...options,
      members: () => agreed.members(),
      compact: () => consensus.driver.compact(),
    });
    this.#disk = new DiskWatch({
      ...options,
      isLeader: () => consensus.status().role === "leader",
      successors: () => this.#otherVoters().filter((nodeId) => options.stateOf(nodeId) === "up"),
      transfer: (to) => consensus.leadership.transfer(to),
    });
    this.#scrubber = new Scrubber({
      ...options,
      checkState: (pause) => this.#verify.checkStored(pause),
      damaged: (error) => this.#damaged(error),
    });
  }

  /** True once this node was found wrong: it answers nobody any more. */
  get isCondemned(): boolean {
    return this.#marked !== null;
  }

  /** The mark on a condemned database is on disk. */
  async whenMarked(): Promise<void> {
    await this.#marked?.catch(() => undefined);
  }

  start(): void {
    this.#disk.start();
    this.#scrubber.start();
  }

  stop(): void {
    this.#disk.stop();
    this.#scrubber.stop();
  }

  gauges(): readonly (readonly [string, number])[] {
    const stats = this.#options.storage.stats();
    return [
      ...this.#disk.gauges(),
      ["storage_queued_changes", stats.queuedChanges],
      ["storage_synced_batches_total", stats.syncedBatches],
      ["storage_log_bytes", stats.logSizeBytes],
    ];
  }

  /** True while the disk is nearly full: `done` is told on a later turn. */
  refuses(done: (outcome: ProposalOutcome) => void): boolean {
    if (!this.#disk.isLow) return false;
    this.#options.counters.add("proposals_refused_disk_low");
    this.#options.clock.endOfTurn(() => done({ status: "rejected", reason: "overloaded" }));
    return true;
  }

  /** Answers a request of another node, or null when `kind` is not one of these. */
  onRequest(kind: string, payload: Uint8Array): Promise<Uint8Array> | null {
    return (
      this.#compaction.onRequest(kind) ??
      this.#disk.onRequest(kind) ??
      this.#verify.onRequest(kind, payload)
    );
  }

  verify(): Promise<ClusterStatus> {
    return this.#verify.verify();
  }

  compact(only: NodeId | null): Promise<readonly CompactedLog[]> {
    return this.#compaction.compact(only);
  }

  #otherVoters(): readonly NodeId[] {
    const { consensus, nodeId } = this.#options;
    return consensus.status().configuration.voters.filter((voter) => voter !== nodeId);
  }

  /** As damage found at a start. The only voter serves on from its memory: no other node has what it holds. */
  #damaged(error: ClusterError): void {
    if (this.#otherVoters().length > 0) this.#condemned(error);
    else {
      this.#options.log.error(
        { reason: error.message },
        "the disk is damaged, and no other node holds the data: make a copy of it now",
      );
    }
  }

  /** Silence first, then the mark: what ends without it would come back with the same wrong content. */
  #condemned(error: ClusterError): void {
    if (this.#marked !== null) return;
    const { log, consensus, counters, condemn, onFatal, onCondemned } = this.#options;
    log.error(
      { reason: error.message },
      "the content of this node is wrong; it serves nothing more and starts anew",
    );
    counters.add("replica_condemned");
    consensus.withdraw();
    this.#marked = condemn?.(error.message) ?? Promise.resolve();
    if (onCondemned === undefined) {
      this.#marked.then(() => onFatal(error), onFatal);
      return;
    }
    this.#marked.catch(onFatal);
    onCondemned(error);
  }
}
