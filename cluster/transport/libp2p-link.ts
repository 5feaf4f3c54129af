import type { Stream } from "@libp2p/interface";
import type { TransportLimits } from "../limits.ts";
import type { NodeId } from "../node-id.ts";
import type { Clock, Counters } from "../ports.ts";
import type { PeerConnection } from "./libp2p-connection.ts";
import { Lane, type LaneName, laneNames } from "./libp2p-lane.ts";
import { RequestTable } from "./request-table.ts";
import type { Channel, Hello, LinkStats } from "./transport.ts";

export interface LinkOptions {
  readonly peer: PeerConnection;
  readonly hello: Hello;
  readonly limits: TransportLimits;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly onFrame: (from: NodeId, channel: Channel, frame: Uint8Array) => void;
  readonly onRequest: (from: NodeId, kind: string, payload: Uint8Array) => Promise<Uint8Array>;
}

/** A verified connection in use: its lanes, its requests, its count of bulk transfers. */
export class Link {
  readonly peer: PeerConnection;
  readonly hello: Hello;
  readonly nodeId: NodeId;
  readonly requests: RequestTable;
  readonly #lanes: readonly Lane[];
  bulkTransfers = 0;
  /** Addresses at which this node was dialled and this peer answered. */
  readonly dialledAddresses = new Set<string>();

  constructor(options: LinkOptions) {
    const { peer, hello, limits, clock, counters, onFrame, onRequest } = options;
    this.peer = peer;
    this.hello = hello;
    this.nodeId = hello.nodeId;
    const onFault = (error: unknown): void => peer.fail(error);
    const take = (number: number): ((frame: Uint8Array) => void) => {
      if (laneNames[number] === "request") return (frame) => this.requests.receive(frame);
      return (frame) => {
        if (peer.isOpen) onFrame(this.nodeId, number as Channel, frame);
      };
    };
    this.#lanes = laneNames.map(
      (name, number) => new Lane({ name, limits, clock, counters, onFrame: take(number), onFault }),
    );
    this.requests = new RequestTable({
      clock,
      outstandingMax: limits.requestsOutstandingMax,
      frameSizeBytesMax: limits.frameSizeBytesMax,
      send: (frame) => this.#lane("request").send(frame),
      serve: (kind, payload) => onRequest(this.nodeId, kind, payload),
    });
  }

  openStreams(): void {
    for (const lane of this.#lanes) void lane.open(this.peer.connection);
  }

  acceptStream(name: LaneName, stream: Stream): void {
    this.#lane(name).accept(stream);
  }

  send(channel: Channel, frame: Uint8Array): "queued" | "full" {
    return (this.#lanes[channel] as Lane).send(frame) ? "queued" : "full";
  }

  /** Resolves when everything sent so far is on its way to the peer. */
  async whenIdle(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.whenIdle()));
  }

  close(): void {
    for (const lane of this.#lanes) lane.close();
    this.requests.close();
  }

  stats(): LinkStats {
    const sum = (field: (lane: Lane) => number): number =>
      this.#lanes.reduce((total, lane) => total + field(lane), 0);
    return {
      nodeId: this.nodeId,
      queuedSizeBytes: sum((lane) => lane.queuedSizeBytes),
      sentFrames: sum((lane) => lane.sentFrames),
      sentSizeBytes: sum((lane) => lane.sentSizeBytes),
      receivedFrames: sum((lane) => lane.receivedFrames),
      receivedSizeBytes: sum((lane) => lane.receivedSizeBytes),
      droppedFrames: sum((lane) => lane.droppedFrames),
    };
  }

  #lane(name: LaneName): Lane {
    return this.#lanes[laneNames.indexOf(name)] as Lane;
  }
}
