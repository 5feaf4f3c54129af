import type { TransportLimits } from "../limits.ts";
import type { NodeId } from "../node-id.ts";
import type { Counters } from "../ports.ts";
import type { MemoryConnection, MemoryNetwork } from "./memory-network.ts";
import { RequestTable } from "./request-table.ts";
import { Channel, type Hello, type LinkStats, type SendResult } from "./transport.ts";

/** What travels over a memory link, besides frames of the channels. */
type LaneNumber = Channel | typeof requestLane;
const requestLane = 3;

export interface MemoryLinkOptions {
  readonly network: MemoryNetwork;
  readonly local: NodeId;
  /** The peer's hello. */
  readonly hello: Hello;
  readonly connection: MemoryConnection;
  readonly limits: TransportLimits;
  readonly counters: Counters;
  readonly serve: (kind: string, payload: Uint8Array) => Promise<Uint8Array>;
  /** The peer's end of the same connection; undefined when it is gone. */
  readonly remoteEnd: () => MemoryLink | undefined;
  readonly onFrame: (channel: Channel, frame: Uint8Array) => void;
}

interface Sent {
  readonly lane: LaneNumber;
  readonly frame: Uint8Array;
}

/** One end of a connection between two simulated nodes. */
export class MemoryLink {
  readonly hello: Hello;
  readonly connection: MemoryConnection;
  readonly requests: RequestTable;
  readonly #options: MemoryLinkOptions;
  /** Bytes on their way, by lane: what a real channel would hold in its queue and its stream. */
  readonly #queuedSizeBytes = [0, 0, 0, 0];
  readonly #onClosed: (() => void)[] = [];
  readonly #flushLater = (): void => this.flush();
  #turn: Sent[] = [];
  #isClosed = false;
  #sentFrames = 0;
  #sentSizeBytes = 0;
  #receivedFrames = 0;
  #receivedSizeBytes = 0;
  #droppedFrames = 0;
  bulkTransfers = 0;

  constructor(options: MemoryLinkOptions) {
    this.#options = options;
    this.hello = options.hello;
    this.connection = options.connection;
    this.requests = new RequestTable({
      clock: options.network.clock,
      outstandingMax: options.limits.requestsOutstandingMax,
      frameSizeBytesMax: options.limits.frameSizeBytesMax,
      send: (frame) => this.#push(requestLane, frame) === "queued",
      serve: options.serve,
    });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  send(channel: Channel, frame: Uint8Array): SendResult {
    return this.#push(channel, frame);
  }

  /** Runs when the link is gone, at once if it is already. */
  onClosed(run: () => void): void {
    if (this.#isClosed) run();
    else this.#onClosed.push(run);
  }

  close(): void {
    if (this.#isClosed) return;
    this.flush();
    this.#isClosed = true;
    this.requests.close();
    for (const run of this.#onClosed) run();
  }

  /** Hands over what this turn has collected. */
  flush(): void {
    const batch = this.#turn;
    if (batch.length === 0) return;
    this.#turn = [];
    const { network, local, hello, remoteEnd } = this.#options;
    network.carry(local, hello.nodeId, () => {
      for (const { lane, frame } of batch) {
        this.#queuedSizeBytes[lane] = (this.#queuedSizeBytes[lane] ?? 0) - frame.length;
        const end = remoteEnd();
        if (end) end.#receive(lane, frame);
      }
    });
  }

  stats(): LinkStats {
    return {
      nodeId: this.hello.nodeId,
      queuedSizeBytes: this.#queuedSizeBytes.reduce((sum, one) => sum + one, 0),
      sentFrames: this.#sentFrames,
      sentSizeBytes: this.#sentSizeBytes,
      receivedFrames: this.#receivedFrames,
      receivedSizeBytes: this.#receivedSizeBytes,
      droppedFrames: this.#droppedFrames,
    };
  }

  #push(lane: LaneNumber, frame: Uint8Array): SendResult {
    if (this.#isClosed) return "down";
    const { limits, counters, network } = this.#options;
    const queued = this.#queuedSizeBytes[lane] ?? 0;
    const isTooLarge = frame.length > limits.frameSizeBytesMax;
    if (isTooLarge || (queued > 0 && queued + frame.length > laneSizeBytesMax(lane, limits))) {
      this.#droppedFrames++;
      counters.add(`transport_frames_dropped_${isTooLarge ? "too_large" : laneName(lane)}`);
      return "full";
    }
    this.#queuedSizeBytes[lane] = queued + frame.length;
    this.#sentFrames++;
    this.#sentSizeBytes += frame.length;
    if (this.#turn.length === 0) network.clock.endOfTurn(this.#flushLater);
    // A copy, as on a real wire: the sender may use its memory again.
    const copy = Buffer.allocUnsafe(frame.length);
    copy.set(frame);
    this.#turn.push({ lane, frame: copy });
    return "queued";
  }

  #receive(lane: LaneNumber, frame: Uint8Array): void {
    if (this.#isClosed) return;
    this.#receivedFrames++;
    this.#receivedSizeBytes += frame.length;
    if (lane === requestLane) this.requests.receive(frame);
    else this.#options.onFrame(lane, frame);
  }
}

function laneSizeBytesMax(lane: LaneNumber, limits: TransportLimits): number {
  switch (lane) {
    case Channel.raft:
      return limits.raftQueueSizeBytesMax;
    case Channel.control:
      return limits.controlQueueSizeBytesMax;
    case Channel.forward:
      return limits.forwardQueueSizeBytesMax;
    case requestLane:
      return limits.requestQueueSizeBytesMax;
  }
}

function laneName(lane: LaneNumber): string {
  return `${["raft", "control", "forward", "request"][lane]}_full`;
}
