import { ClusterError } from "../errors.ts";
import { logLimits } from "../log-limits.ts";
import { isNodeId, type NodeId } from "../node-id.ts";
import type { Counters, Log } from "../ports.ts";
import type { RaftCore } from "../raft/api.ts";
import { snapshotProblem } from "../raft/config-change.ts";
import type { Message } from "../raft/messages.ts";
import { defaultGroup, type SnapshotPoint } from "../raft/types.ts";
import type { ClusterStorage, StateView } from "../storage/storage.ts";
import type { Transport } from "../transport/transport.ts";
import { decodeRecords, encodeRecords } from "../wire/records-codec.ts";

export const snapshotBulkKind = "snapshot";

interface SnapshotHeader {
  readonly groupId: number;
  readonly term: number;
  readonly point: SnapshotPoint;
}

export interface SnapshotDriverOptions {
  readonly nodeId: NodeId;
  readonly transport: Transport;
  readonly storage: ClusterStorage;
  readonly raft: RaftCore;
  readonly log: Log;
  readonly counters: Counters;
  /** Puts a message into the core and has its consequences carried out. */
  readonly step: (message: Message) => void;
  readonly schedule: () => void;
}

/**
 * State to followers that the log no longer reaches: a stream of its own per transfer, so that heartbeats never queue behind
 * it. The receiver stages the records beside its live state and switches in one synced write.
 */
export class SnapshotDriver {
  readonly #options: SnapshotDriverOptions;
  readonly #sending = new Set<NodeId>();
  #receivingFrom: NodeId | null = null;
  #installed: { resolve(): void; reject(error: Error): void } | null = null;
  #isStopped = false;

  constructor(options: SnapshotDriverOptions) {
    this.#options = options;
  }

  /** The core wants `to` to have a snapshot. */
  wanted(to: NodeId, term: number): void {
    if (this.#sending.has(to)) return;
    this.#sending.add(to);
    void this.#send(to, term).then((outcome) => {
      this.#sending.delete(to);
      this.#options.raft.reportSnapshot(to, outcome);
      this.#options.schedule();
    });
  }

  async #send(to: NodeId, term: number): Promise<"finished" | "failed"> {
    const { storage, transport, log, counters } = this.#options;
    let view: StateView | null = null;
    try {
      view = await storage.openStateView();
      if (view === null) return "failed";
      const header: SnapshotHeader = { groupId: defaultGroup, term, point: view.point };
      log.info({ to, index: view.point.index }, "sending a snapshot");
      await transport.sendBulk(
        to,
        snapshotBulkKind,
        Buffer.from(JSON.stringify(header)),
        encodeChunks(view),
      );
      counters.add("snapshots_sent");
      return "finished";
    } catch (error) {
      counters.add("snapshots_failed");
      log.warn({ to, reason: (error as Error).message }, "sending a snapshot failed");
      return "failed";
    } finally {
      await view?.close().catch(() => undefined);
    }
  }

  /** The staged snapshot is the state now, on disk and in memory. */
  installed(): void {
    this.#installed?.resolve();
  }

  stop(): void {
    this.#isStopped = true;
    this.#installed?.reject(new ClusterError("stopped", "the node is stopping"));
  }

  /** Resolves when the whole snapshot is the state of this node; until then no other one is let in. */
  async receive(
    from: NodeId,
    header: Uint8Array,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const { storage, raft, log, counters, nodeId, step } = this.#options;
    const { groupId, term, point } = decodeSnapshotHeader(header);
    if (groupId !== defaultGroup) throw malformed("groupId");
    if (!raft.acceptsSnapshot(point)) {
      throw new ClusterError("change-refused", `snapshot at ${point.index} is not needed here`);
    }
    if (this.#isStopped) throw new ClusterError("stopped", "the node is stopping");
    if (this.#receivingFrom !== null) {
      throw new ClusterError("change-refused", "another snapshot is being received");
    }
    this.#receivingFrom = from;
    try {
      log.info({ from, index: point.index }, "receiving a snapshot");
      await storage.beginStaging();
      for await (const chunk of chunks) {
        if (this.#isStopped) throw new ClusterError("stopped", "the node is stopping");
        await storage.stage(decodeRecords(chunk));
      }
      counters.add("snapshots_received");
      // The log may have caught up meanwhile, or a later term begun: then nothing would be installed.
      if (!raft.acceptsSnapshot(point) || term < raft.status().term) {
        throw new ClusterError("change-refused", `snapshot at ${point.index} came too late`);
      }
      const installed = new Promise<void>((resolve, reject) => {
        this.#installed = { resolve, reject };
      });
      step({ type: "snapshot", from, to: nodeId, term, snapshot: point });
      await installed;
    } finally {
      this.#installed = null;
      this.#receivingFrom = null;
    }
  }
}

async function* encodeChunks(view: StateView): AsyncGenerator<Uint8Array> {
  for await (const records of view.chunks(logLimits.snapshotChunkSizeBytes)) {
    yield encodeRecords(records);
  }
}

/** What a peer says it is about to send; throws ClusterError `frame-malformed`, so that nothing unsound reaches the core. */
export function decodeSnapshotHeader(bytes: Uint8Array): SnapshotHeader {
  let header: Partial<SnapshotHeader> | null;
  try {
    header = JSON.parse(Buffer.from(bytes).toString("utf8")) as Partial<SnapshotHeader> | null;
  } catch (cause) {
    throw new ClusterError("frame-malformed", "snapshot header is not JSON", {}, cause);
  }
  const { groupId, term, point } = header ?? {};
  if (typeof groupId !== "number" || typeof term !== "number" || !point) {
    throw malformed("field");
  }
  if (!isPoint(point)) throw malformed("point");
  const problem = snapshotProblem(point, term);
  if (problem !== null) {
    throw new ClusterError("frame-malformed", `snapshot header: ${problem}`, { point });
  }
  return { groupId, term, point };
}

function isPoint({ index, term, configuration }: Partial<SnapshotPoint>): boolean {
  const { voters, votersOutgoing, learners, learnersNext } = configuration ?? {};
  return (
    Number.isSafeInteger(index) &&
    Number.isSafeInteger(term) &&
    [voters, votersOutgoing, learners, learnersNext].every(isNodeIds)
  );
}

function isNodeIds(list: unknown): boolean {
  return (
    Array.isArray(list) && list.every((nodeId) => typeof nodeId === "string" && isNodeId(nodeId))
  );
}

function malformed(where: string): ClusterError {
  return new ClusterError("frame-malformed", `snapshot header: ${where} is malformed`, { where });
}
