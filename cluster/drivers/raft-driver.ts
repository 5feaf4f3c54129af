import type { AgreedState, AppliedBatch } from "../agreed/agreed-state.ts";
import { DigestRing } from "../agreed/digest-ring.ts";
import { Freshness } from "../agreed/freshness.ts";
import { LogWindow, type LogWindowLimits } from "../agreed/log-window.ts";
import { WritingTurns } from "../agreed/writing-turns.ts";
import { ClusterError } from "../errors.ts";
import { type FlowLimits, logLimits as limits } from "../log-limits.ts";
import type { NodeId } from "../node-id.ts";
import type { Clock, Counters, Log, Random } from "../ports.ts";
import { decodeConfigChange } from "../raft/config-change-codec.ts";
import type { Message } from "../raft/messages.ts";
import { Raft } from "../raft/raft.ts";
import type { RaftStatus, StorageWrite } from "../raft/ready.ts";
import {
  type Configuration,
  defaultGroup,
  type Entry,
  EntryType,
  type SnapshotPoint,
} from "../raft/types.ts";
import type { ClusterStorage, StorageRestore } from "../storage/storage.ts";
import { Channel, type Transport } from "../transport/transport.ts";
import { type BatchHeader, readBatchHeader } from "../wire/batch-codec.ts";
import { NodeIds } from "../wire/node-ids.ts";
import { decodeMessage, EntryBlocks, encodeMessage, mayCarryEntries } from "../wire/raft-codec.ts";

export interface RaftDriverHandlers {
  /** A batch was applied on this node. */
  readonly batchApplied: (batch: AppliedBatch, index: number) => void;
  /** A batch was a repetition, or one before it is missing, or its node is no member. */
  readonly batchIgnored: (header: BatchHeader) => void;
  /** Applied index or commit index moved. */
  readonly advanced: () => void;
  readonly configured: (configuration: Configuration, index: number) => void;
  /** Role, term or leader changed. */
  readonly roleChanged: () => void;
  readonly readConfirmed: (requestId: number, index: number) => void;
  readonly readDropped: (requestId: number) => void;
  /** The core wants `to` to get a snapshot; answer with `reportSnapshot`. */
  readonly snapshotWanted: (to: NodeId, term: number) => void;
  /** The state was replaced by a snapshot and reloaded. */
  readonly stateReplaced: () => void;
  readonly fatal: (error: Error) => void;
}

export interface RaftDriverOptions {
  readonly nodeId: NodeId;
  readonly restore: StorageRestore;
  readonly storage: ClusterStorage;
  readonly transport: Transport;
  readonly agreed: AgreedState;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly counters: Counters;
  readonly tickMs: number;
  readonly heartbeatTicks: number;
  readonly electionTicks: number;
  readonly logWindow: LogWindowLimits;
  /** Left out: those of `logLimits`. */
  readonly flow?: FlowLimits | undefined;
  readonly handlers: RaftDriverHandlers;
}

/**
 * Turns ticks and frames into steps of the core, and what the core wants done into sends, one stream of synced writes, and
 * applied entries. The order "store, then say" is the core's: what must be durable first rides with the write.
 */
export class RaftDriver {
  readonly raft: Raft;
  /** Content digests of this replica at its newest indexes. */
  readonly digests = new DigestRing(limits.digestsKept);
  readonly #options: RaftDriverOptions;
  readonly #window: LogWindow;
  /** Entries as they were encoded for one follower, for the others. */
  readonly #blocks = new EntryBlocks();
  readonly #ids = new NodeIds();
  #isScheduled = false;
  #isStopped = false;
  /** Null unless a snapshot is on disk and being loaded: writes that finish meanwhile, since the core hears of them in order. */
  #finishedWrites: StorageWrite[] | null = null;
  #isReloading = false;
  #durableAppliedIndex: number;
  #cutIndex: number;
  #appliedIndex: number;
  #membersRevision: number;
  #configuration: Configuration;
  /** As the handlers were told of it last. */
  #told: Pick<RaftStatus, "role" | "term" | "leader"> | null = null;
  #tickOriginMs = 0;
  #ticksDone = 0;
  readonly #freshness: Freshness;
  readonly #turns: WritingTurns;

  constructor(options: RaftDriverOptions) {
    this.#options = options;
    const { restore } = options;
    const flow: FlowLimits = options.flow ?? limits;
    this.raft = new Raft(
      {
        nodeId: options.nodeId,
        electionTicks: options.electionTicks,
        heartbeatTicks: options.heartbeatTicks,
        appendSizeBytesMax: flow.appendSizeBytesMax,
        inflightAppendsMax: flow.inflightAppendsMax,
        inflightBytesMax: flow.inflightAppendSizeBytesMax,
        uncommittedBytesMax: flow.uncommittedSizeBytesMax,
        committedBytesPerReadyMax: flow.committedSizeBytesPerTurnMax,
        random: options.random,
      },
      restore,
    );
    this.#window = new LogWindow(options.logWindow, restore.snapshot.index);
    for (const entry of restore.entries) {
      if (entry.index <= restore.appliedIndex) this.#window.applied(entry);
    }
    this.digests.reset(restore.appliedIndex, options.agreed.digest());
    this.#freshness = new Freshness(options.nodeId, restore.appliedIndex);
    this.#turns = new WritingTurns(options.nodeId, limits.effectsRoundMs);
    this.#appliedIndex = restore.appliedIndex;
    this.#durableAppliedIndex = restore.appliedIndex;
    this.#cutIndex = restore.snapshot.index;
    this.#configuration = restore.configuration;
    this.#membersRevision = options.agreed.membersRevision;
  }

  /** The log begins behind it. */
  get cutIndex(): number {
    return this.#cutIndex;
  }

  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  /** Nobody need be asked whether this replica holds everything acknowledged by now. */
  get isInStep(): boolean {
    return !this.#isStopped && !this.#isReloading && this.raft.isInStepAlone();
  }

  /** Monotonic time of the last word from a leader, or, at a leader, from a quorum; -Infinity when there never was one. */
  get contactMs(): number {
    return this.#freshness.contactMs(this.raft.status(), this.#options.clock.monotonicMs());
  }

  /** Monotonic time as of which this replica holds everything committed; -Infinity when that is not known. */
  get inStepMs(): number {
    return this.#freshness.inStepMs(this.raft.status(), this.#options.clock.monotonicMs());
  }

  linkDown(nodeId: NodeId): void {
    this.#freshness.linkDown(nodeId);
  }

  start(): void {
    this.#tickOriginMs = this.#options.clock.monotonicMs();
    this.#freshness.tick(this.#tickOriginMs);
    this.#scheduleTick();
    this.schedule();
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Something was put into the core: what it wants done happens at the end of this turn. */
  schedule(): void {
    if (this.#isScheduled || this.#isStopped) return;
    this.#isScheduled = true;
    this.#options.clock.endOfTurn(() => {
      this.#isScheduled = false;
      this.#pump();
    });
  }

  onFrame(from: NodeId, frame: Uint8Array): void {
    const group = frame[0];
    if (group !== defaultGroup) {
      throw new ClusterError("frame-malformed", `raft frame of unknown group ${group}`, { from });
    }
    // The core keeps entries: views into the receive buffer would keep whole chunks alive or be overwritten.
    const bytes = mayCarryEntries(frame, 1) ? new Uint8Array(frame) : frame;
    const message = decodeMessage(bytes, 1, this.#ids);
    if (message.from !== from) {
      throw new ClusterError("frame-malformed", "raft message names another sender", { from });
    }
    this.step(message);
  }

  step(message: Message): void {
    if (this.#isStopped) return;
    this.raft.step(message);
    this.#freshness.took(message, this.raft.status());
    this.schedule();
  }

  #pump(): void {
    if (this.#isStopped || !this.raft.hasReady()) return this.#noticeRole();
    if (this.#options.storage.stats().queuedChanges > limits.storageBacklogMax) {
      this.#options.counters.add("raft_storage_backlog_pauses");
      this.#options.clock.after(1, () => this.schedule());
      return;
    }
    const ready = this.raft.ready();
    for (const message of ready.messages) this.#send(message);
    if (ready.write !== null) this.#store(ready.write);
    this.#apply(ready.committed);
    for (const requestId of ready.readsDropped) this.#options.handlers.readDropped(requestId);
    for (const { requestId, index } of ready.readStates) {
      this.#options.handlers.readConfirmed(requestId, index);
    }
    this.#noticeRole();
    if (this.raft.hasReady()) this.schedule();
  }

  #send(message: Message): void {
    if (message.type === "snapshot") {
      this.#options.handlers.snapshotWanted(message.to, message.term);
      return;
    }
    const frame = encodeMessage(message, this.#blocks, defaultGroup, this.#ids);
    const result = this.#options.transport.send(message.to, Channel.raft, frame);
    if (result !== "queued" && message.type === "append") {
      this.raft.reportUnreachable(message.to);
    }
  }

  #store(write: StorageWrite): void {
    const { storage } = this.#options;
    const done = (): void => {
      if (this.#isStopped) return;
      if (write.snapshot !== null) void this.#reload(write, write.snapshot);
      else if (this.#finishedWrites !== null) this.#finishedWrites.push(write);
      else this.#durable(write);
    };
    if (write.snapshot !== null) this.#isReloading = true;
    storage.write(
      {
        groupId: defaultGroup,
        ...(write.hardState === null ? {} : { hardState: write.hardState }),
        ...(write.entries.length === 0 ? {} : { entries: write.entries }),
        ...(write.snapshot === null ? {} : { installSnapshot: write.snapshot }),
      },
      done,
    );
  }

  #durable(write: StorageWrite): void {
    this.raft.writeDone(write.id);
    for (const message of write.messages) this.#send(message);
    this.schedule();
  }

  /** The disk holds the new state: load it, then go on applying. The core applies nothing until it hears of the write. */
  async #reload(write: StorageWrite, point: SnapshotPoint): Promise<void> {
    const { agreed, storage, handlers } = this.#options;
    this.#finishedWrites = [];
    // What is loaded so far is no state that anybody may read, be it asked for an index that was applied before.
    this.#appliedIndex = 0;
    this.#freshness.replacing();
    try {
      agreed.reset();
      await storage.loadState((key, value) => agreed.restore(key, value));
      agreed.restored();
    } catch (error) {
      if (!this.#isStopped) handlers.fatal(error as Error);
      return;
    }
    if (this.#isStopped) return;
    this.#appliedIndex = point.index;
    this.#durableAppliedIndex = point.index;
    this.#configuration = point.configuration;
    this.#window.restart(point.index);
    this.#cutIndex = point.index;
    this.digests.reset(point.index, agreed.digest());
    this.#freshness.replaced(point.index, point.term);
    this.#isReloading = false;
    this.#durable(write);
    const finished = this.#finishedWrites;
    this.#finishedWrites = null;
    for (const later of finished) this.#durable(later);
    handlers.configured(point.configuration, point.index);
    handlers.stateReplaced();
  }

  #apply(entries: readonly Entry[]): void {
    const last = entries.at(-1);
    if (last === undefined) return;
    for (const entry of entries) this.#applyOne(entry);
    this.raft.applied(last.index);
    this.#freshness.applied(last.index, last.term);
    const { agreed, handlers, storage } = this.#options;
    const { index, term } = last;
    const configuration = this.#configuration;
    const turn = this.#turns.at(agreed.timeMs(), configuration.voters);
    storage.write(
      {
        groupId: defaultGroup,
        applied: { index, term, configuration, writes: agreed.takeWrites(), turn },
      },
      () => {
        this.#durableAppliedIndex = index;
        this.#trim();
      },
    );
    handlers.advanced();
  }

  #applyOne(entry: Entry): void {
    const { agreed, handlers } = this.#options;
    this.#appliedIndex = entry.index;
    this.#window.applied(entry);
    try {
      if (entry.type === EntryType.command) {
        const batch = agreed.applyBatch(entry.data, entry.index);
        if (batch !== null) handlers.batchApplied(batch, entry.index);
        else this.#ignored(entry);
        if (agreed.membersRevision !== this.#membersRevision) {
          this.#membersRevision = agreed.membersRevision;
          handlers.configured(this.#configuration, entry.index);
        }
      } else if (entry.type === EntryType.configChange) {
        const change = decodeConfigChange(entry.data);
        this.#configuration = this.raft.applyConfigChange(change, entry.index);
        agreed.applyConfigChange(change, entry.index);
        handlers.configured(this.#configuration, entry.index);
        this.#membersRevision = agreed.membersRevision;
      }
    } catch (error) {
      // Skipping a committed entry would make this replica differ; ending is the only honest answer.
      handlers.fatal(error as Error);
      throw error;
    }
    this.digests.record(entry.index, agreed.digest());
  }

  #ignored(entry: Entry): void {
    this.#options.counters.add("raft_batches_ignored");
    this.#options.handlers.batchIgnored(readBatchHeader(entry.data));
  }

  /** Cuts the log at what is durably applied; answers the index behind which it begins now. */
  compact(): number {
    const index = this.#durableAppliedIndex;
    if (this.#isStopped || this.#isReloading || index <= this.#cutIndex) return this.#cutIndex;
    this.#window.cutAt(index);
    this.#cut(index);
    return this.#cutIndex;
  }

  #trim(): void {
    if (this.#isStopped || this.#isReloading) return;
    const index = this.#window.cut(this.#durableAppliedIndex);
    if (index !== null) this.#cut(index);
  }

  #cut(index: number): void {
    this.#options.counters.add("raft_log_cuts");
    // The core knows which configuration was in force there, also after a restart in between.
    const point = this.raft.compact(index);
    this.#cutIndex = point.index;
    this.#options.storage.write({ groupId: defaultGroup, compactTo: point }, () => undefined);
  }

  #noticeRole(): void {
    const told = this.#told;
    const { role, term, leader } = this.raft.status();
    if (told?.role === role && told.term === term && told.leader === leader) return;
    this.#told = { role, term, leader };
    this.#options.handlers.roleChanged();
  }

  /**
   * Ticks keep to the grid fixed at start. After a stall of more than half an election timeout the missed ticks are dropped
   * instead of caught up, and the next one comes only after the waiting frames were read: the stall was ours.
   */
  #scheduleTick(): void {
    const { clock, tickMs, electionTicks } = this.#options;
    const dueMs = this.#tickOriginMs + (this.#ticksDone + 1) * tickMs;
    clock.after(Math.max(0, dueMs - clock.monotonicMs()), () => {
      if (this.#isStopped) return;
      const elapsedTicks = Math.floor((clock.monotonicMs() - this.#tickOriginMs) / tickMs);
      const missedTicks = elapsedTicks - this.#ticksDone;
      this.#ticksDone = elapsedTicks;
      if (missedTicks > electionTicks / 2) {
        this.#options.counters.add("raft_stalls");
        this.#freshness.stalled();
        clock.endOfTurn(() => this.#tick(1));
      } else {
        this.#tick(missedTicks);
      }
      this.#scheduleTick();
    });
  }

  #tick(count: number): void {
    if (this.#isStopped) return;
    for (let i = 0; i < count; i++) this.raft.tick();
    this.#freshness.tick(this.#options.clock.monotonicMs());
    this.schedule();
  }
}
