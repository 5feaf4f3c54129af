import type { NodeId } from "../node-id.ts";
import type { RaftCore } from "../raft/api.ts";
import { SnapshotReceiver, type SnapshotReceiverOptions } from "./snapshot-receiver.ts";
import {
  SnapshotSender,
  type SnapshotSenderOptions,
  snapshotPositionRequestKind,
} from "./snapshot-sender.ts";

export interface SnapshotDriverOptions extends SnapshotSenderOptions, SnapshotReceiverOptions {
  readonly raft: RaftCore;
  readonly schedule: () => void;
}

/**
 * State to followers that the log no longer reaches: a stream of its own per transfer, so that heartbeats never queue behind
 * it.
 */
export class SnapshotDriver {
  readonly #options: SnapshotDriverOptions;
  readonly #sender: SnapshotSender;
  readonly #receiver: SnapshotReceiver;
  readonly #sending = new Set<NodeId>();

  constructor(options: SnapshotDriverOptions) {
    this.#options = options;
    this.#sender = new SnapshotSender(options);
    this.#receiver = new SnapshotReceiver(options);
  }

  /** The core wants `to` to have a snapshot. */
  wanted(to: NodeId, term: number): void {
    if (this.#sending.has(to)) return;
    this.#sending.add(to);
    void this.#sender.send(to, term).then((outcome) => {
      this.#sending.delete(to);
      this.#options.raft.reportSnapshot(to, outcome);
      this.#options.schedule();
    });
  }

  /** Answers a request of another node, or null when `kind` is not one of these. */
  onRequest(kind: string, payload: Uint8Array): Promise<Uint8Array> | null {
    return kind === snapshotPositionRequestKind ? this.#receiver.position(payload) : null;
  }

  /** Resolves when the whole snapshot is the state of this node; until then no other one is let in. */
  receive(from: NodeId, header: Uint8Array, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    return this.#receiver.receive(from, header, chunks);
  }

  /** The staged snapshot is the state now, on disk and in memory. */
  installed(): void {
    this.#receiver.installed();
  }

  stop(): void {
    this.#sender.stop();
    this.#receiver.stop();
  }
}
