import type { Connection, Stream } from "@libp2p/interface";
import { ClusterError } from "../errors.ts";
import type { TransportLimits } from "../limits.ts";
import type { Clock, Counters } from "../ports.ts";
import { FrameWriter } from "./frame-writer.ts";
import { flushed, readFrames, writeFrames } from "./libp2p-stream.ts";

/** The long-lived streams of a link. The first three are the channels, by their number. */
export const laneNames = ["raft", "control", "forward", "request"] as const;
export type LaneName = (typeof laneNames)[number];

export function protocolOf(lane: LaneName): string {
  return `/flockmq/${lane}/1`;
}

export interface LaneOptions {
  readonly name: LaneName;
  readonly limits: TransportLimits;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly onFrame: (frame: Uint8Array) => void;
  /** A stream died or the peer broke the protocol: the link as a whole is lost. */
  readonly onFault: (error: unknown) => void;
}

/** One kind of frames between two nodes: a stream out, a stream in, a bounded queue before the one out. */
export class Lane {
  readonly name: LaneName;
  readonly #options: LaneOptions;
  readonly #writer: FrameWriter;
  #isInboundAttached = false;
  sentFrames = 0;
  sentSizeBytes = 0;
  receivedFrames = 0;
  receivedSizeBytes = 0;
  droppedFrames = 0;
  #outbound: Stream | null = null;

  constructor(options: LaneOptions) {
    this.name = options.name;
    this.#options = options;
    this.#writer = new FrameWriter({
      queueSizeBytesMax: queueSizeBytesMax(options.name, options.limits),
      endOfTurn: (run) => options.clock.endOfTurn(run),
    });
  }

  get queuedSizeBytes(): number {
    return this.#writer.queuedSizeBytes + (this.#outbound?.writeBufferLength ?? 0);
  }

  /** False when the queue is full or the frame too large; counted. */
  send(frame: Uint8Array): boolean {
    const { limits, counters } = this.#options;
    if (frame.length > limits.frameSizeBytesMax) {
      this.droppedFrames++;
      counters.add("transport_frames_dropped_too_large");
      return false;
    }
    if (!this.#writer.push(frame)) {
      this.droppedFrames++;
      counters.add(`transport_frames_dropped_${this.name}_full`);
      return false;
    }
    this.sentFrames++;
    this.sentSizeBytes += frame.length;
    return true;
  }

  /** Resolves when everything sent so far is on its way to the peer, or the lane is closed. */
  async whenIdle(): Promise<void> {
    this.#writer.flush();
    await this.#writer.whenEmpty();
    if (this.#outbound) await flushed(this.#outbound, this.#options.clock);
  }

  /** Opens the outgoing stream; what was queued meanwhile leaves then. */
  async open(connection: Connection): Promise<void> {
    const { onFault } = this.#options;
    try {
      const stream = await connection.newStream(protocolOf(this.name));
      this.#outbound = stream;
      stream.addEventListener("close", () => onFault(streamLost(this.name)));
      writeFrames(stream, this.#writer, onFault);
    } catch (error) {
      onFault(error);
    }
  }

  /** The peer opened its stream. A second one breaks the protocol. */
  accept(stream: Stream): void {
    const { limits, onFault, onFrame } = this.#options;
    if (this.#isInboundAttached) {
      onFault(new ClusterError("frame-malformed", `the peer opened a second ${this.name} stream`));
      return;
    }
    this.#isInboundAttached = true;
    stream.addEventListener("close", () => onFault(streamLost(this.name)));
    const count = (frame: Uint8Array): void => {
      this.receivedFrames++;
      this.receivedSizeBytes += frame.length;
      onFrame(frame);
    };
    readFrames(stream, limits.frameSizeBytesMax, count, onFault);
  }

  close(): void {
    this.#writer.close();
  }
}

function queueSizeBytesMax(name: LaneName, limits: TransportLimits): number {
  switch (name) {
    case "raft":
      return limits.raftQueueSizeBytesMax;
    case "control":
      return limits.controlQueueSizeBytesMax;
    case "forward":
      return limits.forwardQueueSizeBytesMax;
    case "request":
      return limits.requestQueueSizeBytesMax;
  }
}

function streamLost(name: LaneName): ClusterError {
  return new ClusterError("link-closed", `the ${name} stream ended`);
}
