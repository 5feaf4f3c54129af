import { ClusterError } from "../errors.ts";
import { InterestSource } from "../gossip/interest-source.ts";
import { OwnInterest } from "../gossip/own-interest.ts";
import type { RoutePosition } from "../gossip/routes-digest.ts";
import type { NodeId } from "../node-id.ts";
import { interestLimits } from "../peer-limits.ts";
import { Channel } from "../transport/transport.ts";
import {
  decodeInterestAck,
  encodeInterestDelta,
  encodeInterestPosition,
} from "../wire/interest-frames.ts";
import { decodeInterestPull, encodeInterestAnswer } from "../wire/interest-pull.ts";
import type { DriverPorts } from "./driver-ports.ts";
import { InterestBarrier } from "./interest-barrier.ts";

export interface InterestWriterOptions extends DriverPorts {
  readonly nodeId: NodeId;
  readonly incarnation: number;
}

/** More frames of one turn than this leave gossip out: those who miss them pull, which is cheaper. */
const broadcastFramesMax = 16;

/** What this node wants: spread to the others, answered when they ask, and waited for until they have it. */
export class InterestWriter {
  readonly #options: InterestWriterOptions;
  readonly #own: OwnInterest;
  readonly #source: InterestSource;
  readonly barrier: InterestBarrier;
  /** Encoded once for all peers, until the table changes. */
  #position: Uint8Array | null = null;
  #isStopped = false;

  constructor(options: InterestWriterOptions) {
    this.#options = options;
    this.#own = new OwnInterest(options.incarnation, interestLimits);
    this.#source = new InterestSource(this.#own, interestLimits.snapshotIdleMs);
    this.barrier = new InterestBarrier(options.clock, options.counters);
  }

  get count(): number {
    return this.#own.count;
  }

  get route(): RoutePosition {
    const { incarnation, seq, digest } = this.#own;
    return { nodeId: this.#options.nodeId, incarnation, seq, digest };
  }

  set(key: string, weight: number): boolean {
    const outcome = this.#own.set(key, weight);
    if (outcome === "pending") return true;
    this.#options.counters.add("interest_rejected_invalid");
    this.#options.log.warn({ sizeCharacters: key.length, weight, outcome }, "interest refused");
    return false;
  }

  /** Ends the turn: what changed goes to `peers` and into gossip, and the barriers of the turn begin to wait. */
  endTurn(peers: Iterable<NodeId>): void {
    this.#spread(peers);
    this.barrier.arm(this.#own.seq);
  }

  position(): Uint8Array {
    if (this.#position === null) {
      const { incarnation, seq, count, digest } = this.#own;
      this.#position = encodeInterestPosition({ incarnation, seq, count, digest });
    }
    return this.#position;
  }

  onAck(from: NodeId, payload: Uint8Array): void {
    const ack = decodeInterestAck(payload);
    if (ack === null) this.#options.counters.add("interest_frames_malformed");
    else if (ack.incarnation === this.#own.incarnation) this.barrier.acked(from, ack.seq);
  }

  /** Answers a pull. Throws `frame-malformed`. */
  answer(from: NodeId, payload: Uint8Array): Uint8Array {
    const pull = decodeInterestPull(payload);
    if (pull === null) {
      this.#options.counters.add("interest_frames_malformed");
      throw new ClusterError("frame-malformed", "the interest pull is malformed", { from });
    }
    const hadSnapshot = this.#source.holdsSnapshot;
    const answer = this.#source.answer(pull, this.#options.clock.monotonicMs());
    if (!hadSnapshot && this.#source.holdsSnapshot) this.#scheduleExpiry();
    return encodeInterestAnswer(answer, interestLimits.pageSizeBytesMax);
  }

  stop(): void {
    this.#isStopped = true;
    this.barrier.stop();
  }

  #spread(peers: Iterable<NodeId>): void {
    const { nodeId: origin, incarnation, transport, counters, log } = this.#options;
    const rejectedBefore = this.#own.rejectedCount;
    const delta = this.#own.commit();
    const rejected = this.#own.rejectedCount - rejectedBefore;
    if (rejected > 0) {
      counters.add("interest_rejected_full", rejected);
      log.warn({ rejected, keysMax: interestLimits.keysMax }, "interest is full");
    }
    if (delta === null) return;
    this.#position = null;
    counters.add("interest_operations", delta.operations.length);
    const sizeBytesMax = interestLimits.deltaSizeBytesMax;
    const frames = encodeInterestDelta({ ...delta, origin, incarnation }, sizeBytesMax);
    for (const nodeId of peers) {
      for (const frame of frames) {
        const result = transport.send(nodeId, Channel.control, frame);
        if (result === "queued") continue;
        // The rest would only be a gap: the peer pulls when it hears the next position.
        counters.add("interest_frames_refused");
        break;
      }
    }
    if (frames.length > broadcastFramesMax) return;
    for (const frame of frames) transport.broadcast(frame);
  }

  #scheduleExpiry(): void {
    const { clock } = this.#options;
    clock.after(interestLimits.snapshotIdleMs, () => {
      this.#source.expire(clock.monotonicMs());
      if (this.#source.holdsSnapshot && !this.#isStopped) this.#scheduleExpiry();
    });
  }
}
