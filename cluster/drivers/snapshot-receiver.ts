import { ClusterError } from "../errors.ts";
import type { NodeId } from "../node-id.ts";
import type { Counters, Log } from "../ports.ts";
import type { RaftCore } from "../raft/api.ts";
import type { Message } from "../raft/messages.ts";
import { defaultGroup } from "../raft/types.ts";
import type { ClusterStorage } from "../storage/storage.ts";
import { decodeRecords } from "../wire/records-codec.ts";
import { decodeSnapshotHeader, type SnapshotHeader } from "../wire/snapshot-header.ts";

export interface SnapshotReceiverOptions {
  readonly nodeId: NodeId;
  readonly storage: ClusterStorage;
  readonly raft: RaftCore;
  readonly log: Log;
  readonly counters: Counters;
  /** Puts a message into the core and has its consequences carried out. */
  readonly step: (message: Message) => void;
}

/** What is staged of a transfer: durable, up to and including `after`. */
interface Staged {
  readonly transfer: string;
  after: string | null;
}

/**
 * Stages the records of a snapshot beside the live state and has them switched in one synced write. What was staged before
 * a link broke is kept for the rest; another transfer, or another start of the node, throws it away.
 */
export class SnapshotReceiver {
  readonly #options: SnapshotReceiverOptions;
  #staged: Staged | null = null;
  /** Null unless a transfer comes in. */
  #receiving: Promise<void> | null = null;
  #installed: { resolve(): void; reject(error: Error): void } | null = null;
  #isStopped = false;

  constructor(options: SnapshotReceiverOptions) {
    this.#options = options;
  }

  /** The staged snapshot is the state now, on disk and in memory. */
  installed(): void {
    this.#installed?.resolve();
  }

  stop(): void {
    this.#isStopped = true;
    this.#installed?.reject(stopping());
  }

  /** The last key that is durable of this transfer; empty when there is nothing that it could go on from. */
  async position(payload: Uint8Array): Promise<Uint8Array> {
    const transfer = Buffer.from(payload).toString("utf8");
    // The end of the link may be known to the sender first.
    if (this.#staged?.transfer === transfer) await this.#receiving?.catch(() => undefined);
    const after = this.#staged?.transfer === transfer ? this.#staged.after : null;
    return Buffer.from(after ?? "");
  }

  /** Resolves when the whole snapshot is the state of this node; until then no other one is let in. */
  async receive(
    from: NodeId,
    headerBytes: Uint8Array,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const header = decodeSnapshotHeader(headerBytes);
    if (header.groupId !== defaultGroup) {
      throw new ClusterError("frame-malformed", `a snapshot of unknown group ${header.groupId}`);
    }
    this.#checkWanted(header);
    if (this.#isStopped) throw stopping();
    if (this.#receiving !== null) {
      throw new ClusterError("change-refused", "another snapshot is being received");
    }
    this.#receiving = this.#receive(from, header, chunks);
    try {
      await this.#receiving;
    } finally {
      this.#receiving = null;
    }
  }

  async #receive(
    from: NodeId,
    header: SnapshotHeader,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const { log, counters } = this.#options;
    const { point, after } = header;
    log.info({ from, index: point.index, isRest: after !== null }, "receiving a snapshot");
    const staged = await this.#begin(header);
    try {
      await this.#stage(staged, chunks);
    } catch (error) {
      const isCut = error instanceof ClusterError && error.code === "link-closed";
      if (!isCut) this.#staged = null;
      throw error;
    }
    this.#staged = null;
    counters.add("snapshots_received");
    await this.#install(from, header);
  }

  async #begin({ transfer, after }: SnapshotHeader): Promise<Staged> {
    const staged = this.#staged;
    if (after !== null) {
      if (staged?.transfer === transfer && staged.after === after) return staged;
      throw new ClusterError("change-refused", "the beginning of this snapshot is not here");
    }
    this.#staged = null;
    await this.#options.storage.beginStaging();
    const begun: Staged = { transfer: transfer ?? "", after: null };
    if (transfer !== null) this.#staged = begun;
    return begun;
  }

  async #stage(staged: Staged, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const chunk of chunks) {
      if (this.#isStopped) throw stopping();
      const records = decodeRecords(chunk);
      await this.#options.storage.stage(records);
      staged.after = records.at(-1)?.key ?? staged.after;
    }
  }

  async #install(from: NodeId, header: SnapshotHeader): Promise<void> {
    const { nodeId, step } = this.#options;
    const { term, point } = header;
    // The log may have caught up meanwhile, or a later term begun: then nothing would be installed.
    this.#checkWanted(header);
    if (term < this.#options.raft.status().term) {
      throw new ClusterError("change-refused", `snapshot at ${point.index} came too late`);
    }
    const installed = new Promise<void>((resolve, reject) => {
      this.#installed = { resolve, reject };
    });
    try {
      step({ type: "snapshot", from, to: nodeId, term, snapshot: point });
      await installed;
    } finally {
      this.#installed = null;
    }
  }

  #checkWanted({ point }: SnapshotHeader): void {
    if (this.#options.raft.acceptsSnapshot(point)) return;
    throw new ClusterError("change-refused", `snapshot at ${point.index} is not needed here`);
  }
}

function stopping(): ClusterError {
  return new ClusterError("stopped", "the node is stopping");
}
