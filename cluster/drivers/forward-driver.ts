import type { NodeId } from "../node-id.ts";
import { forwardLimits } from "../peer-limits.ts";
import { Channel, type LinkEvent } from "../transport/transport.ts";
import {
  BatchFlag,
  decodeForwardAck,
  decodeLaneState,
  encodeForwardAck,
  encodeLaneState,
  type LanePosition,
  type LaneState,
  LaneStateReason,
  readBatchHeader,
  readRecords,
} from "../wire/forward-frames.ts";
import { ControlKind } from "../wire/frame-kinds.ts";
import { InboundLane } from "../wire/inbound-lane.ts";
import { type OfferOutcome, OutboundLane, type OutboundLaneLimits } from "../wire/outbound-lane.ts";
import type { DriverPorts } from "./driver-ports.ts";

export interface ForwardDriverOptions extends DriverPorts {
  /** Of this process, as in its hello. Below 2^48. */
  readonly incarnation: number;
  /** Whether the log knows the node as a member; a lane to one that is not lives only as long as its link. */
  readonly isMember: (nodeId: NodeId) => boolean;
  readonly limits?: OutboundLaneLimits;
}

export type ForwardHandler = (from: NodeId, frame: Uint8Array) => void;

interface Lane {
  readonly nodeId: NodeId;
  readonly outbound: OutboundLane;
  readonly inbound: InboundLane;
  /** It has something to do at the end of this turn. */
  isDue: boolean;
  /** Why the peer must be told where this node stands; null: it need not. */
  stateDue: LaneStateReason | null;
  /** The transport's queue was full; a timer tries again. */
  isBlocked: boolean;
  /** A timer confirms what came. */
  isConfirmationTimed: boolean;
  isForgotten: boolean;
}

/** Carries messages to other nodes and hands over what they send, over one lane per peer (DESIGN section 5). */
export class ForwardDriver {
  readonly #options: ForwardDriverOptions;
  readonly #limits: OutboundLaneLimits;
  readonly #lanes = new Map<NodeId, Lane>();
  #dueLanes: Lane[] = [];
  #isTurnScheduled = false;
  #isStopped = false;
  #handler: ForwardHandler | null = null;
  readonly #endTurn = (): void => this.flush();

  /** The batch that is being read; fields, so that no closure is made per batch. */
  #readingFrom: NodeId = "";
  #isReadingResent = false;
  #readFrames = 0;
  readonly #visit = (frame: Uint8Array, isAtLeastOnce: boolean): void =>
    this.#deliver(frame, isAtLeastOnce);

  constructor(options: ForwardDriverOptions) {
    this.#options = options;
    this.#limits = options.limits ?? forwardLimits;
  }

  /** `frame` may be used again when the call returns. "dropped" is counted with its reason. */
  forward(
    to: NodeId,
    frame: Uint8Array,
    delivery: "atMostOnce" | "atLeastOnce",
  ): "queued" | "dropped" {
    const lane = this.#lanes.get(to) ?? this.#memberLane(to);
    if (lane === null) {
      this.#options.counters.add("forward_dropped_gone");
      return "dropped";
    }
    const outcome = lane.outbound.offer(frame, delivery === "atLeastOnce");
    if (outcome !== "queued") {
      this.#options.counters.add(dropCounters[outcome]);
      return "dropped";
    }
    if (!lane.isDue) this.#due(lane);
    if (lane.outbound.hasNext) this.#drain(lane);
    return "queued";
  }

  /** Exactly one handler; `frame` is valid during the call. Set it before the transport starts. */
  onForward(handler: ForwardHandler): void {
    this.#handler = handler;
  }

  onLink(event: LinkEvent): void {
    const { counters, isMember } = this.#options;
    const { nodeId } = event;
    if (event.type === "up") {
      const lane = this.#lanes.get(nodeId) ?? this.#addLane(nodeId);
      lane.inbound.linked(event.hello.incarnation);
      counters.add("forward_dropped_no_link", lane.outbound.linkUp());
      lane.stateDue = LaneStateReason.opened;
      this.#sendState(lane);
      return;
    }
    const lane = this.#lanes.get(nodeId);
    if (lane === undefined) return;
    counters.add("forward_dropped_no_link", lane.outbound.linkDown());
    lane.stateDue = null;
    if (!isMember(nodeId)) this.forget(nodeId);
  }

  /** The whole frame of `Channel.forward`. */
  onForwardFrame(from: NodeId, batch: Uint8Array): void {
    const { counters } = this.#options;
    const lane = this.#lanes.get(from);
    const header = readBatchHeader(batch);
    if (lane === undefined || header === null || this.#handler === null) {
      counters.add(header === null ? "forward_batches_malformed" : "forward_batches_unexpected");
      return;
    }
    const verdict = lane.inbound.receive(header);
    if (verdict !== "deliver") {
      counters.add(refusedCounters[verdict]);
      if (verdict === "gap") {
        lane.stateDue = LaneStateReason.gap;
        this.#due(lane);
      }
      return;
    }
    this.#readingFrom = from;
    this.#isReadingResent = (header.flags & BatchFlag.resent) !== 0;
    this.#readFrames = 0;
    if (!readRecords(batch, this.#visit)) counters.add("forward_batches_malformed");
    counters.add("forward_frames_received", this.#readFrames);
    if (header.seq > 0) this.#confirmSoon(lane);
  }

  /** Frames of kind forwardAck and laneState, without the kind. */
  onControl(from: NodeId, kind: number, payload: Uint8Array): void {
    const lane = this.#lanes.get(from);
    const isState = kind === ControlKind.laneState;
    const position = isState ? decodeLaneState(payload) : decodeForwardAck(payload);
    if (lane === undefined || position === null) {
      this.#options.counters.add("forward_controls_malformed");
      return;
    }
    if (isState) this.#onState(lane, position as LaneState);
    else if (this.#isOwn(position)) lane.outbound.confirm(position.lastSeq);
    this.#drain(lane);
  }

  /** The log removed the node: what waits for it is dropped. */
  forget(nodeId: NodeId): void {
    const lane = this.#lanes.get(nodeId);
    if (lane === undefined) return;
    lane.isForgotten = true;
    this.#lanes.delete(nodeId);
    this.#options.counters.add("forward_dropped_gone", lane.outbound.keptFrames);
  }

  /** Ends the turn at once: what was forwarded goes to the transport. Runs by itself at the end of each turn. */
  flush(): void {
    this.#isTurnScheduled = false;
    const lanes = this.#dueLanes;
    this.#dueLanes = [];
    for (const lane of lanes) {
      lane.isDue = false;
      if (lane.isForgotten) continue;
      lane.outbound.seal();
      this.#drain(lane);
      this.#sendState(lane);
      if (lane.inbound.unconfirmedBatches >= forwardLimits.unconfirmedBatchesMax) {
        this.#sendAck(lane);
      }
    }
  }

  gauges(): ReadonlyMap<string, number> {
    let keptSizeBytes = 0;
    let keptFrames = 0;
    for (const { outbound } of this.#lanes.values()) {
      keptSizeBytes += outbound.keptSizeBytes;
      keptFrames += outbound.keptFrames;
    }
    return new Map([
      ["forward_lanes", this.#lanes.size],
      ["forward_kept_size_bytes", keptSizeBytes],
      ["forward_kept_frames", keptFrames],
    ]);
  }

  /** Hands the rest to the transport, which may still deliver it while it stops. */
  stop(): void {
    if (!this.#isStopped) {
      this.flush();
      for (const lane of this.#lanes.values()) this.#sendAck(lane);
    }
    this.#isStopped = true;
  }

  #due(lane: Lane): void {
    if (lane.isDue) return;
    lane.isDue = true;
    this.#dueLanes.push(lane);
    if (this.#isTurnScheduled || this.#isStopped) return;
    this.#isTurnScheduled = true;
    this.#options.clock.endOfTurn(this.#endTurn);
  }

  #drain(lane: Lane): void {
    if (lane.isBlocked) return;
    const { transport, counters } = this.#options;
    for (let batch = lane.outbound.next(); batch !== null; batch = lane.outbound.next()) {
      const result = transport.send(lane.nodeId, Channel.forward, batch.bytes);
      if (result === "full") this.#block(lane);
      if (result !== "queued") return;
      counters.add("forward_batches_sent");
      counters.add("forward_frames_sent", batch.frames);
      lane.outbound.taken();
    }
  }

  #onState(lane: Lane, state: LaneState): void {
    const { reason, lastSeq } = state;
    if (reason === LaneStateReason.opened) {
      lane.stateDue ??= LaneStateReason.answer;
      this.#due(lane);
    }
    // Answers cross with what was said of one's own accord; going back a second time would only repeat batches.
    const isNews = reason !== LaneStateReason.answer || !lane.outbound.isReady;
    if (isNews) lane.outbound.resume(this.#isOwn(state) ? lastSeq : 0);
  }

  /** A word about an earlier life of this node says nothing about what this one sent. */
  #isOwn(position: LanePosition): boolean {
    return position.incarnation === this.#options.incarnation;
  }

  #sendState(lane: Lane): void {
    if (lane.stateDue === null) return;
    const frame = encodeLaneState({ ...lane.inbound.position, reason: lane.stateDue });
    if (this.#sendControl(lane, frame)) lane.stateDue = null;
  }

  /** The sender only frees memory by it, so it need not hear of each batch. */
  #confirmSoon(lane: Lane): void {
    if (lane.inbound.unconfirmedBatches >= forwardLimits.unconfirmedBatchesMax) this.#due(lane);
    if (lane.isConfirmationTimed || this.#isStopped) return;
    lane.isConfirmationTimed = true;
    this.#options.clock.after(forwardLimits.confirmMs, () => {
      lane.isConfirmationTimed = false;
      if (!lane.isForgotten && !this.#isStopped) this.#sendAck(lane);
    });
  }

  #sendAck(lane: Lane): void {
    if (lane.inbound.unconfirmedBatches === 0) return;
    if (this.#sendControl(lane, encodeForwardAck(lane.inbound.position))) lane.inbound.confirmed();
  }

  #sendControl(lane: Lane, frame: Uint8Array): boolean {
    const result = this.#options.transport.send(lane.nodeId, Channel.control, frame);
    if (result === "full") this.#block(lane);
    return result === "queued";
  }

  /** The transport reports no room again, so a timer tries. */
  #block(lane: Lane): void {
    if (lane.isBlocked || this.#isStopped) return;
    lane.isBlocked = true;
    this.#options.counters.add("forward_lanes_blocked");
    this.#options.clock.after(forwardLimits.retryMs, () => {
      lane.isBlocked = false;
      if (lane.isForgotten || this.#isStopped) return;
      this.#drain(lane);
      this.#sendState(lane);
      this.#sendAck(lane);
    });
  }

  #deliver(frame: Uint8Array, isAtLeastOnce: boolean): void {
    const { counters, log } = this.#options;
    if (this.#isReadingResent && !isAtLeastOnce) {
      counters.add("forward_frames_skipped");
      return;
    }
    this.#readFrames += 1;
    try {
      this.#handler?.(this.#readingFrom, frame);
    } catch (error) {
      counters.add("forward_handler_failures");
      log.error({ nodeId: this.#readingFrom, error }, "a forwarded message could not be handled");
    }
  }

  #memberLane(nodeId: NodeId): Lane | null {
    return this.#options.isMember(nodeId) ? this.#addLane(nodeId) : null;
  }

  #addLane(nodeId: NodeId): Lane {
    const lane: Lane = {
      nodeId,
      outbound: new OutboundLane(this.#limits),
      inbound: new InboundLane(),
      isDue: false,
      stateDue: null,
      isBlocked: false,
      isConfirmationTimed: false,
      isForgotten: false,
    };
    this.#lanes.set(nodeId, lane);
    return lane;
  }
}

const refusedCounters = {
  duplicate: "forward_batches_duplicate",
  gap: "forward_batches_gap",
  ignored: "forward_batches_ignored",
} as const;

const dropCounters: Record<Exclude<OfferOutcome, "queued">, string> = {
  "no-link": "forward_dropped_no_link",
  slow: "forward_dropped_slow",
  full: "forward_dropped_full",
  "too-large": "forward_dropped_too_large",
};
