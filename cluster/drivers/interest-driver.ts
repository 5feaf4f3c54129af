import type { InterestHandler } from "../cluster-api.ts";
import { digestOfRoutes } from "../gossip/routes-digest.ts";
import type { MemberState } from "../members/member-table.ts";
import type { NodeId } from "../node-id.ts";
import { Channel, type LinkEvent } from "../transport/transport.ts";
import { BroadcastKind, ControlKind } from "../wire/frame-kinds.ts";
import { decodeInterestPosition } from "../wire/interest-frames.ts";
import type { DriverPorts } from "./driver-ports.ts";
import { InterestReader } from "./interest-reader.ts";
import { InterestWriter } from "./interest-writer.ts";

export interface InterestDriverOptions extends DriverPorts {
  readonly nodeId: NodeId;
  /** Of this process; higher than at any earlier start of the same data directory. Below 2^48. */
  readonly incarnation: number;
  /** Whether the log knows the node as a member; only members count in the digest of routes. */
  readonly isMember: (nodeId: NodeId) => boolean;
}

const digestKind = Uint8Array.of(ControlKind.interestDigest);

/** Spreads what this node wants, and keeps up with what the others want (DESIGN section 5). */
export class InterestDriver {
  readonly #options: InterestDriverOptions;
  readonly #writer: InterestWriter;
  readonly #reader: InterestReader;
  #isTurnScheduled = false;
  #isStopped = false;

  constructor(options: InterestDriverOptions) {
    this.#options = options;
    this.#writer = new InterestWriter(options);
    this.#reader = new InterestReader({ ...options, onDue: () => this.#scheduleTurn() });
  }

  /** Declares a weight; 0 withdraws. False: the key or weight is invalid, counted. Travels at the end of the turn. */
  set(key: string, weight: number): boolean {
    const isPending = this.#writer.set(key, weight);
    if (isPending) this.#scheduleTurn();
    return isPending;
  }

  /** Resolves "live" when each linked peer that is not down has confirmed all that was set before the call. */
  barrier(timeoutMs: number): Promise<"live" | "timeout"> {
    if (this.#isStopped) return Promise.resolve("timeout");
    if (!this.#reader.hasPeers) return Promise.resolve("live");
    this.#scheduleTurn();
    return this.#writer.barrier.join(timeoutMs);
  }

  /** Exactly one handler; it hears at once of everything already known. */
  setHandler(handler: InterestHandler): void {
    this.#reader.setHandler(handler);
  }

  onLink(event: LinkEvent): void {
    const { nodeId } = event;
    if (event.type === "up") {
      const { incarnation } = event.hello;
      this.#writer.barrier.unlinked(nodeId);
      if (!this.#reader.linked(nodeId, incarnation)) return;
      // A process that is known answers from now on; of a new one that is clear only when it speaks (see `#engage`).
      if (this.#reader.incarnationOf(nodeId) === incarnation) this.#engage(nodeId);
      const frame = Buffer.concat([digestKind, this.piggyback()]);
      this.#options.transport.send(nodeId, Channel.control, frame);
      return;
    }
    this.#reader.unlinked(nodeId);
    this.#writer.barrier.unlinked(nodeId);
    // A member's routes stay until the log removes it; a stranger that never became one leaves nothing.
    if (!this.#options.isMember(nodeId)) this.#reader.drop(nodeId);
  }

  /** What the failure detector thinks: a node that is down is not waited for. */
  onMemberState(nodeId: NodeId, state: MemberState): void {
    this.#writer.barrier.setDown(nodeId, state === "down");
  }

  /** Frames of kind interestDelta, interestAck and interestDigest, without the kind. */
  onControl(from: NodeId, kind: number, payload: Uint8Array): void {
    if (kind === ControlKind.interestDelta) this.#reader.onDelta(payload);
    else if (kind === ControlKind.interestAck) this.#writer.onAck(from, payload);
    else if (kind === ControlKind.interestDigest) this.onPiggyback(from, payload);
  }

  /** The whole broadcast, with its kind; others than this driver's are ignored. */
  onBroadcast(_from: NodeId, payload: Uint8Array): void {
    if (payload[0] === BroadcastKind.interestDelta) this.#reader.onDelta(payload.subarray(1));
  }

  /** The request "interest". Rejects with `frame-malformed`. */
  async onRequest(from: NodeId, payload: Uint8Array): Promise<Uint8Array> {
    this.#engage(from);
    return this.#writer.answer(from, payload);
  }

  /** How far the own table is, for every ping: 25 bytes. */
  piggyback(): Uint8Array {
    return this.#writer.position();
  }

  /** The same of a linked peer, out of its ping. */
  onPiggyback(from: NodeId, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const position = decodeInterestPosition(bytes);
    if (position === null) {
      this.#options.counters.add("interest_frames_malformed");
      return;
    }
    this.#engage(from);
    this.#reader.onPosition(from, position);
  }

  /** Whether the node is linked and its table was complete at least once since the link opened. */
  isSynced(nodeId: NodeId): boolean {
    return this.#reader.isSynced(nodeId);
  }

  /**
   * The log removed the node: its routes go, and gossip of `incarnation` and all before is refused from now on. Without it, of
   * any: ids are not used again.
   */
  forget(nodeId: NodeId, incarnation = Number.POSITIVE_INFINITY): void {
    this.#reader.forget(nodeId, incarnation);
    this.#writer.barrier.unlinked(nodeId);
  }

  /** Sixteen hex digits that are equal on two nodes exactly when they hold the same routes of all members. */
  routesDigest(): string {
    return digestOfRoutes([this.#writer.route, ...this.#reader.routes(this.#options.isMember)]);
  }

  /** Keys of all members, own ones included. */
  routesCount(): number {
    return this.#writer.count + this.#reader.keysCount(this.#options.isMember);
  }

  gauges(): ReadonlyMap<string, number> {
    return new Map([
      ["interest_own_keys", this.#writer.count],
      ["interest_known_nodes", this.#reader.remotesCount],
      ["interest_routes", this.routesCount()],
    ]);
  }

  stop(): void {
    this.#isStopped = true;
    this.#reader.stop();
    this.#writer.stop();
  }

  /**
   * From now on barriers wait for this peer. A node that links while it still looks for its cluster listens to no gossip, and
   * nobody should wait for it; it takes clients only after it fetched this node's table, and that is a way to speak.
   */
  #engage(nodeId: NodeId): void {
    if (this.#reader.hasPeer(nodeId)) this.#writer.barrier.linked(nodeId);
  }

  #scheduleTurn(): void {
    if (this.#isTurnScheduled || this.#isStopped) return;
    this.#isTurnScheduled = true;
    this.#options.clock.endOfTurn(() => {
      this.#isTurnScheduled = false;
      if (this.#isStopped) return;
      this.#reader.endTurn();
      this.#writer.endTurn(this.#reader.peers());
    });
  }
}
