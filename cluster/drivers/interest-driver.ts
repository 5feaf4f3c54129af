import type { InterestChange, InterestHandler } from "../cluster-api.ts";
import { ClusterError } from "../errors.ts";
import { DeathCertificates } from "../gossip/death-certificates.ts";
import { InterestSource } from "../gossip/interest-source.ts";
import { OwnInterest } from "../gossip/own-interest.ts";
import { RemoteInterest } from "../gossip/remote-interest.ts";
import { digestOfRoutes, type RoutePosition } from "../gossip/routes-digest.ts";
import type { MemberState } from "../members/member-table.ts";
import type { NodeId } from "../node-id.ts";
import { interestLimits } from "../peer-limits.ts";
import { Channel, type LinkEvent } from "../transport/transport.ts";
import { BroadcastKind, ControlKind } from "../wire/frame-kinds.ts";
import {
  decodeInterestAck,
  decodeInterestDelta,
  decodeInterestPosition,
  encodeInterestAck,
  encodeInterestDelta,
  encodeInterestPosition,
  type InterestPosition,
} from "../wire/interest-frames.ts";
import { decodeInterestPull, encodeInterestAnswer } from "../wire/interest-pull.ts";
import type { DriverPorts } from "./driver-ports.ts";
import { InterestBarrier } from "./interest-barrier.ts";
import { InterestPuller } from "./interest-puller.ts";

export interface InterestDriverOptions extends DriverPorts {
  readonly nodeId: NodeId;
  /** Of this process; higher than at any earlier start of the same data directory. Below 2^48. */
  readonly incarnation: number;
  /** Whether the log knows the node as a member; only members count in the digest of routes. */
  readonly isMember: (nodeId: NodeId) => boolean;
}

/** A linked node. */
interface Peer {
  /** Its table was complete at least once on this link. */
  isSynced: boolean;
  /** The last seq of its table that this node confirmed on this link; -1: none. */
  confirmedSeq: number;
  /** When its table was last found to be wrong. */
  reloadedMs: number;
}

/** More frames of one turn than this leave gossip out: those who miss them pull, which is cheaper. */
const broadcastFramesMax = 16;

/** Spreads what this node wants, and keeps up with what the others want (DESIGN section 5). */
export class InterestDriver {
  readonly #options: InterestDriverOptions;
  readonly #own: OwnInterest;
  readonly #source: InterestSource;
  readonly #remotes = new Map<NodeId, RemoteInterest>();
  readonly #peers = new Map<NodeId, Peer>();
  readonly #certificates: DeathCertificates;
  readonly #puller: InterestPuller;
  readonly #barrier: InterestBarrier;
  readonly #unconfirmed = new Set<NodeId>();
  #handler: InterestHandler | null = null;
  #position: Uint8Array | null = null;
  #isTurnScheduled = false;
  #isStopped = false;

  constructor(options: InterestDriverOptions) {
    this.#options = options;
    this.#own = new OwnInterest(options.incarnation, interestLimits);
    this.#source = new InterestSource(this.#own, interestLimits.snapshotIdleMs);
    const { certificateMs, certificatesMax } = interestLimits;
    this.#certificates = new DeathCertificates(certificateMs, certificatesMax);
    this.#barrier = new InterestBarrier(options.clock, options.counters);
    this.#puller = new InterestPuller({
      ...options,
      reachable: (origin) => (this.#peers.has(origin) ? (this.#remotes.get(origin) ?? null) : null),
      onAnswered: (origin, changes) => {
        this.#tell(origin, changes);
        this.#caughtUp(origin);
      },
    });
  }

  /** Declares a weight; 0 withdraws. False: the key or weight is invalid, counted. Travels at the end of the turn. */
  set(key: string, weight: number): boolean {
    const outcome = this.#own.set(key, weight);
    if (outcome === "pending") {
      this.#scheduleTurn();
      return true;
    }
    this.#options.counters.add("interest_rejected_invalid");
    this.#options.log.warn({ sizeCharacters: key.length, weight, outcome }, "interest refused");
    return false;
  }

  /** Resolves "live" when each linked peer that is not down has confirmed all that was set before the call. */
  barrier(timeoutMs: number): Promise<"live" | "timeout"> {
    if (this.#isStopped) return Promise.resolve("timeout");
    if (this.#peers.size === 0) return Promise.resolve("live");
    this.#scheduleTurn();
    return this.#barrier.join(timeoutMs);
  }

  /** Exactly one handler; it hears at once of everything already known. */
  setHandler(handler: InterestHandler): void {
    this.#handler = handler;
    for (const [nodeId, remote] of this.#remotes) {
      const changes: InterestChange[] = [];
      for (const [key, weight] of remote.table.entries()) changes.push({ key, weight });
      if (changes.length > 0) handler.changed(nodeId, changes);
    }
  }

  onLink(event: LinkEvent): void {
    const { nodeId } = event;
    if (event.type === "up") {
      if (this.#isDead(nodeId, event.hello.incarnation)) return;
      this.#peers.set(nodeId, {
        isSynced: false,
        confirmedSeq: -1,
        reloadedMs: Number.NEGATIVE_INFINITY,
      });
      // A process that is known answers from now on; of a new one that is clear only when it speaks (see `#engage`).
      if (this.#remotes.get(nodeId)?.incarnation === event.hello.incarnation) {
        this.#barrier.linked(nodeId);
      }
      this.#send(nodeId, Buffer.concat([digestKind, this.piggyback()]));
      return;
    }
    this.#peers.delete(nodeId);
    this.#unconfirmed.delete(nodeId);
    this.#barrier.unlinked(nodeId);
    // A member's routes stay until the log removes it; a stranger that never became one leaves nothing.
    if (!this.#options.isMember(nodeId)) this.#drop(nodeId);
  }

  /** What the failure detector thinks: a node that is down is not waited for. */
  onMemberState(nodeId: NodeId, state: MemberState): void {
    this.#barrier.setDown(nodeId, state === "down");
  }

  /** Frames of kind interestDelta, interestAck and interestDigest, without the kind. */
  onControl(from: NodeId, kind: number, payload: Uint8Array): void {
    if (kind === ControlKind.interestDelta) this.#onDelta(payload);
    else if (kind === ControlKind.interestAck) this.#onAck(from, payload);
    else if (kind === ControlKind.interestDigest) this.onPiggyback(from, payload);
  }

  /** The whole broadcast, with its kind; others than this driver's are ignored. */
  onBroadcast(_from: NodeId, payload: Uint8Array): void {
    if (payload[0] === BroadcastKind.interestDelta) this.#onDelta(payload.subarray(1));
  }

  /** The request "interest". Rejects with `frame-malformed`. */
  onRequest(from: NodeId, payload: Uint8Array): Promise<Uint8Array> {
    const pull = decodeInterestPull(payload);
    if (pull === null) {
      this.#options.counters.add("interest_frames_malformed");
      return Promise.reject(new ClusterError("frame-malformed", "interest pull", { from }));
    }
    this.#engage(from);
    const { clock } = this.#options;
    const hadSnapshot = this.#source.holdsSnapshot;
    const answer = this.#source.answer(pull, clock.monotonicMs());
    if (!hadSnapshot && this.#source.holdsSnapshot) this.#scheduleExpiry();
    return Promise.resolve(encodeInterestAnswer(answer, interestLimits.pageSizeBytesMax));
  }

  /** The own position, for every ping: 25 bytes. */
  piggyback(): Uint8Array {
    if (this.#position === null) {
      const { incarnation, seq, count, digest } = this.#own;
      this.#position = encodeInterestPosition({ incarnation, seq, count, digest });
    }
    return this.#position;
  }

  /** The position of a linked peer, out of its ping. */
  onPiggyback(from: NodeId, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const position = decodeInterestPosition(bytes);
    if (position === null) this.#options.counters.add("interest_frames_malformed");
    else this.#compare(from, position);
  }

  /** Whether the node is linked and its table was complete at least once since the link opened. */
  isSynced(nodeId: NodeId): boolean {
    return this.#peers.get(nodeId)?.isSynced ?? false;
  }

  /**
   * The log removed the node: its routes go, and gossip of `incarnation` and all before is refused from now on. Without it, of
   * any: ids are not used again.
   */
  forget(nodeId: NodeId, incarnation = Number.POSITIVE_INFINITY): void {
    this.#certificates.add(nodeId, incarnation, this.#options.clock.monotonicMs());
    this.#peers.delete(nodeId);
    this.#unconfirmed.delete(nodeId);
    this.#barrier.unlinked(nodeId);
    this.#drop(nodeId);
  }

  /** Sixteen hex digits that are equal on two nodes exactly when they hold the same routes of all members. */
  routesDigest(): string {
    const { nodeId, isMember } = this.#options;
    const { incarnation, seq, digest } = this.#own;
    const positions: RoutePosition[] = [{ nodeId, incarnation, seq, digest }];
    for (const [origin, { table }] of this.#remotes) {
      if (!isMember(origin)) continue;
      const { incarnation, seq, digest } = table;
      positions.push({ nodeId: origin, incarnation, seq, digest });
    }
    return digestOfRoutes(positions);
  }

  /** Keys of all members, own ones included. */
  routesCount(): number {
    let count = this.#own.count;
    for (const [origin, { table }] of this.#remotes) {
      if (this.#options.isMember(origin)) count += table.count;
    }
    return count;
  }

  gauges(): ReadonlyMap<string, number> {
    return new Map([
      ["interest_own_keys", this.#own.count],
      ["interest_known_nodes", this.#remotes.size],
      ["interest_routes", this.routesCount()],
    ]);
  }

  stop(): void {
    this.#isStopped = true;
    this.#puller.stop();
    this.#barrier.stop();
  }

  #scheduleTurn(): void {
    if (this.#isTurnScheduled || this.#isStopped) return;
    this.#isTurnScheduled = true;
    this.#options.clock.endOfTurn(() => this.#endTurn());
  }

  #endTurn(): void {
    this.#isTurnScheduled = false;
    if (this.#isStopped) return;
    this.#spread();
    for (const nodeId of this.#unconfirmed) this.#confirm(nodeId);
    this.#unconfirmed.clear();
    this.#barrier.arm(this.#own.seq);
  }

  #spread(): void {
    const rejectedBefore = this.#own.rejectedCount;
    const delta = this.#own.commit();
    const rejected = this.#own.rejectedCount - rejectedBefore;
    if (rejected > 0) {
      this.#options.counters.add("interest_rejected_full", rejected);
      this.#options.log.warn({ rejected, keysMax: interestLimits.keysMax }, "interest is full");
    }
    if (delta === null) return;
    this.#position = null;
    const { nodeId: origin, incarnation, transport, counters } = this.#options;
    counters.add("interest_operations", delta.operations.length);
    const frames = encodeInterestDelta(
      { ...delta, origin, incarnation },
      interestLimits.deltaSizeBytesMax,
    );
    for (const nodeId of this.#peers.keys()) {
      // After a refusal the rest would only be a gap: the peer pulls when it hears the next position.
      for (const frame of frames) if (!this.#send(nodeId, frame)) break;
    }
    if (frames.length > broadcastFramesMax) return;
    for (const frame of frames) transport.broadcast(frame);
  }

  #confirm(nodeId: NodeId): void {
    const peer = this.#peers.get(nodeId);
    const remote = this.#remotes.get(nodeId);
    if (peer === undefined || remote === undefined) return;
    const { incarnation, seq } = remote;
    if (this.#send(nodeId, encodeInterestAck({ incarnation, seq }))) peer.confirmedSeq = seq;
  }

  #onDelta(payload: Uint8Array): void {
    const { counters, nodeId } = this.#options;
    const delta = decodeInterestDelta(payload);
    if (delta === null) {
      counters.add("interest_frames_malformed");
      return;
    }
    const { origin } = delta;
    if (origin === nodeId || this.#isDead(origin, delta.incarnation)) return;
    // A table begins with an exchange over a link, so that gossip alone cannot make up nodes.
    if (!this.#peers.has(origin) && !this.#remotes.has(origin)) return;
    const outcome = this.#remoteOf(origin).receive(delta);
    counters.add(deltaCounters[outcome.type]);
    if (outcome.type === "applied") {
      this.#tell(origin, outcome.changes);
      this.#caughtUp(origin);
    } else if (outcome.type === "gap") {
      this.#pull(origin);
    }
  }

  #onAck(from: NodeId, payload: Uint8Array): void {
    const ack = decodeInterestAck(payload);
    if (ack === null) this.#options.counters.add("interest_frames_malformed");
    else if (ack.incarnation === this.#own.incarnation) this.#barrier.acked(from, ack.seq);
  }

  #compare(from: NodeId, position: InterestPosition): void {
    const peer = this.#peers.get(from);
    if (peer === undefined || this.#isDead(from, position.incarnation)) return;
    const remote = this.#remoteOf(from);
    const relation = remote.compare(position);
    if (relation === "behind") {
      this.#pull(from);
    } else if (relation === "mismatch") {
      this.#onMismatch(from, peer, remote);
    } else if (relation !== "stale") {
      this.#caughtUp(from);
    }
  }

  /**
   * From now on barriers wait for this peer. A node that links while it still looks for its cluster listens to no gossip, and
   * nobody should wait for it; it takes clients only after it fetched this node's table, and that is a way to speak.
   */
  #engage(nodeId: NodeId): void {
    if (this.#peers.has(nodeId)) this.#barrier.linked(nodeId);
  }

  #onMismatch(from: NodeId, peer: Peer, remote: RemoteInterest): void {
    const { clock, counters, log } = this.#options;
    const nowMs = clock.monotonicMs();
    if (nowMs - peer.reloadedMs < interestLimits.resyncIntervalMs) return;
    peer.reloadedMs = nowMs;
    counters.add("interest_digest_mismatches");
    log.error(
      { nodeId: from, seq: remote.seq },
      "interest differs at the same seq; loading it again",
    );
    remote.reload();
    this.#pull(from);
  }

  /** Called whenever the table of a peer moved or was found complete. */
  #caughtUp(nodeId: NodeId): void {
    const peer = this.#peers.get(nodeId);
    const remote = this.#remotes.get(nodeId);
    if (peer === undefined || remote === undefined) return;
    if (!remote.isBehind) peer.isSynced = true;
    if (remote.seq > peer.confirmedSeq && remote.incarnation > 0) {
      this.#unconfirmed.add(nodeId);
      this.#scheduleTurn();
    }
  }

  #tell(nodeId: NodeId, changes: readonly InterestChange[]): void {
    if (changes.length > 0) this.#handler?.changed(nodeId, changes);
  }

  #pull(origin: NodeId): void {
    if (this.#peers.has(origin)) this.#puller.pull(origin);
  }

  #remoteOf(origin: NodeId): RemoteInterest {
    let remote = this.#remotes.get(origin);
    if (remote === undefined) {
      remote = new RemoteInterest(interestLimits.keysMax);
      this.#remotes.set(origin, remote);
    }
    return remote;
  }

  #drop(nodeId: NodeId): void {
    if (this.#remotes.delete(nodeId)) this.#handler?.cleared(nodeId);
  }

  #isDead(nodeId: NodeId, incarnation: number): boolean {
    return this.#certificates.isDead(nodeId, incarnation, this.#options.clock.monotonicMs());
  }

  #send(nodeId: NodeId, frame: Uint8Array): boolean {
    const result = this.#options.transport.send(nodeId, Channel.control, frame);
    if (result === "full") this.#options.counters.add("interest_frames_refused");
    return result === "queued";
  }

  #scheduleExpiry(): void {
    const { clock } = this.#options;
    clock.after(interestLimits.snapshotIdleMs, () => {
      this.#source.expire(clock.monotonicMs());
      if (this.#source.holdsSnapshot && !this.#isStopped) this.#scheduleExpiry();
    });
  }
}

const digestKind = Uint8Array.of(ControlKind.interestDigest);

const deltaCounters = {
  applied: "interest_deltas_applied",
  duplicate: "interest_deltas_duplicate",
  gap: "interest_deltas_gap",
  stale: "interest_deltas_stale",
} as const;
