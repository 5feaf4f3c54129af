import { ClusterError } from "../errors.ts";
import { logLimits } from "../log-limits.ts";
import type { NodeId } from "../node-id.ts";
import type { Cancel, Clock, Counters, Log } from "../ports.ts";
import { defaultGroup } from "../raft/types.ts";
import type { ClusterStorage, StateView } from "../storage/storage.ts";
import type { Transport } from "../transport/transport.ts";
import { encodeRecords } from "../wire/records-codec.ts";
import { encodeSnapshotHeader } from "../wire/snapshot-header.ts";
import { Pace } from "./pace.ts";

export const snapshotBulkKind = "snapshot";
/** Asks a receiver how far it got with a transfer that was cut. */
export const snapshotPositionRequestKind = "snapshot-position";

export interface SnapshotSenderOptions {
  readonly nodeId: NodeId;
  readonly incarnation: number;
  readonly transport: Transport;
  readonly storage: ClusterStorage;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters;
  /** Of all transfers of this node together; 0: no limit. */
  readonly snapshotBytesPerSecondMax?: number | undefined;
  /** The log begins behind it: an older snapshot would leave a gap. */
  readonly cutIndex: () => number;
}

/** What one transfer reads from. */
interface Source {
  /** Unique among all transfers of the cluster. */
  readonly transfer: string;
  readonly view: StateView;
  readonly after: string | null;
}

interface Kept {
  readonly transfer: string;
  readonly view: StateView;
  readonly cancel: Cancel;
}

const positionTimeoutMs = 3000;

/**
 * Sends views of the state. When the link breaks in the middle the view is kept for a while, and the next transfer to the same
 * node goes on behind the last record that this one has on disk.
 */
export class SnapshotSender {
  readonly #options: SnapshotSenderOptions;
  readonly #pace: Pace;
  /** At most one per follower. */
  readonly #kept = new Map<NodeId, Kept>();
  #transfers = 0;
  #isStopped = false;

  constructor(options: SnapshotSenderOptions) {
    this.#options = options;
    const { snapshotBytesPerSecondMax = logLimits.snapshotBytesPerSecondMax } = options;
    this.#pace = new Pace(snapshotBytesPerSecondMax);
  }

  stop(): void {
    this.#isStopped = true;
    for (const to of [...this.#kept.keys()]) this.#drop(to);
  }

  async send(to: NodeId, term: number): Promise<"finished" | "failed"> {
    const { log, counters } = this.#options;
    let source: Source | null = null;
    try {
      source = await this.#source(to);
      if (source === null) return "failed";
      await this.#transfer(to, term, source);
      counters.add("snapshots_sent");
      await source.view.close();
      return "finished";
    } catch (error) {
      counters.add("snapshots_failed");
      log.warn({ to, reason: (error as Error).message }, "sending a snapshot failed");
      if (source !== null) await this.#afterFailure(to, source, error);
      return "failed";
    }
  }

  async #transfer(to: NodeId, term: number, source: Source): Promise<void> {
    const { transport, log, counters } = this.#options;
    const { transfer, view, after } = source;
    const { point } = view;
    if (after === null) log.info({ to, index: point.index }, "sending a snapshot");
    else {
      counters.add("snapshots_resumed");
      log.info({ to, index: point.index }, "sending the rest of a snapshot");
    }
    const header = encodeSnapshotHeader({ groupId: defaultGroup, term, point, transfer, after });
    await transport.sendBulk(to, snapshotBulkKind, header, this.#chunks(source));
  }

  async *#chunks({ view, after }: Source): AsyncGenerator<Uint8Array> {
    const { clock, counters } = this.#options;
    for await (const records of view.chunks(logLimits.snapshotChunkSizeBytes, after)) {
      if (this.#isStopped) throw new ClusterError("stopped", "the node is stopping");
      const bytes = encodeRecords(records);
      const delayMs = this.#pace.delayMs(bytes.byteLength, clock.monotonicMs());
      if (delayMs > 0) {
        await new Promise<void>((resolve) => {
          clock.after(delayMs, resolve);
        });
      }
      counters.add("snapshot_sent_bytes", bytes.byteLength);
      yield bytes;
    }
  }

  /** The rest of what was cut, or everything as it is now; null while nothing was applied. */
  async #source(to: NodeId): Promise<Source | null> {
    const { storage, nodeId, incarnation } = this.#options;
    const rest = await this.#rest(to);
    if (rest !== null) return rest;
    const view = await storage.openStateView();
    const transfer = `${nodeId}-${incarnation}-${++this.#transfers}`;
    return view === null ? null : { transfer, view, after: null };
  }

  async #rest(to: NodeId): Promise<Source | null> {
    const kept = this.#kept.get(to);
    if (kept === undefined) return null;
    const { transfer, view } = kept;
    const isUsable = view.point.index >= this.#options.cutIndex();
    const after = isUsable ? await this.#positionOf(to, transfer) : null;
    if (this.#kept.get(to) !== kept) return null;
    if (after === null) {
      this.#drop(to);
      return null;
    }
    kept.cancel();
    this.#kept.delete(to);
    return { transfer, view, after };
  }

  /** The last key that the receiver has of this transfer, or null. Rejects when the link is gone again. */
  async #positionOf(to: NodeId, transfer: string): Promise<string | null> {
    try {
      const answer = await this.#options.transport.request(
        to,
        snapshotPositionRequestKind,
        Buffer.from(transfer),
        positionTimeoutMs,
      );
      return answer.byteLength === 0 ? null : Buffer.from(answer).toString("utf8");
    } catch (error) {
      if (error instanceof ClusterError && error.code === "remote-failure") return null;
      throw error;
    }
  }

  async #afterFailure(to: NodeId, { transfer, view }: Source, error: unknown): Promise<void> {
    const isCut = error instanceof ClusterError && error.code === "link-closed";
    if (!isCut || this.#isStopped) {
      await view.close().catch(() => undefined);
      return;
    }
    const cancel = this.#options.clock.after(logLimits.snapshotKeptMs, () => this.#drop(to));
    this.#kept.set(to, { transfer, view, cancel });
  }

  #drop(to: NodeId): void {
    const kept = this.#kept.get(to);
    if (kept === undefined) return;
    this.#kept.delete(to);
    kept.cancel();
    void kept.view.close().catch(() => undefined);
  }
}
