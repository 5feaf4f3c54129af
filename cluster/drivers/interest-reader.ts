import type { InterestChange, InterestHandler } from "../cluster-api.ts";
import { DeathCertificates } from "../gossip/death-certificates.ts";
import { RemoteInterest } from "../gossip/remote-interest.ts";
import type { RoutePosition } from "../gossip/routes-digest.ts";
import type { NodeId } from "../node-id.ts";
import { interestLimits } from "../peer-limits.ts";
import { Channel } from "../transport/transport.ts";
import {
  decodeInterestDelta,
  encodeInterestAck,
  type InterestPosition,
} from "../wire/interest-frames.ts";
import type { DriverPorts } from "./driver-ports.ts";
import { InterestPuller } from "./interest-puller.ts";

export interface InterestReaderOptions extends DriverPorts {
  readonly nodeId: NodeId;
  /** `endTurn` is to be called at the end of this turn. */
  readonly onDue: () => void;
}

/** A linked node. */
interface Peer {
  /** It said on this link how far it is. */
  isPositionKnown: boolean;
  /** Its table was complete at least once since then. */
  isSynced: boolean;
  /** The last seq of its table that this node confirmed on this link; -1: none. */
  confirmedSeq: number;
  /** When its table was last found to be wrong. */
  reloadedMs: number;
}

/** What the other nodes want: their tables, repaired by pulls, and the confirmations that their barriers wait for. */
export class InterestReader {
  readonly #options: InterestReaderOptions;
  readonly #remotes = new Map<NodeId, RemoteInterest>();
  readonly #peers = new Map<NodeId, Peer>();
  readonly #certificates: DeathCertificates;
  readonly #puller: InterestPuller;
  /** Peers whose table moved in this turn. */
  readonly #unconfirmed = new Set<NodeId>();
  #handler: InterestHandler | null = null;

  constructor(options: InterestReaderOptions) {
    this.#options = options;
    const { certificateMs, certificatesMax } = interestLimits;
    this.#certificates = new DeathCertificates(certificateMs, certificatesMax);
    this.#puller = new InterestPuller({
      ...options,
      reachable: (origin) => (this.#peers.has(origin) ? (this.#remotes.get(origin) ?? null) : null),
      onAnswered: (origin, changes) => {
        this.#tell(origin, changes);
        this.#caughtUp(origin);
      },
    });
  }

  get remotesCount(): number {
    return this.#remotes.size;
  }

  /** The linked nodes that are not removed. */
  peers(): MapIterator<NodeId> {
    return this.#peers.keys();
  }

  hasPeer(nodeId: NodeId): boolean {
    return this.#peers.has(nodeId);
  }

  get hasPeers(): boolean {
    return this.#peers.size > 0;
  }

  isSynced(nodeId: NodeId): boolean {
    return this.#peers.get(nodeId)?.isSynced ?? false;
  }

  /** Of the table held; 0 when there is none. */
  incarnationOf(nodeId: NodeId): number {
    return this.#remotes.get(nodeId)?.incarnation ?? 0;
  }

  setHandler(handler: InterestHandler): void {
    this.#handler = handler;
    for (const [nodeId, remote] of this.#remotes) {
      const changes: InterestChange[] = [];
      for (const [key, weight] of remote.table.entries()) changes.push({ key, weight });
      this.#tell(nodeId, changes);
    }
  }

  /** False: the node was removed, and its link is of no interest. */
  linked(nodeId: NodeId, incarnation: number): boolean {
    if (this.#isDead(nodeId, incarnation)) return false;
    this.#peers.set(nodeId, {
      isPositionKnown: false,
      isSynced: false,
      confirmedSeq: -1,
      reloadedMs: Number.NEGATIVE_INFINITY,
    });
    return true;
  }

  /** The table stays. */
  unlinked(nodeId: NodeId): void {
    this.#peers.delete(nodeId);
    this.#unconfirmed.delete(nodeId);
  }

  drop(nodeId: NodeId): void {
    if (this.#remotes.delete(nodeId)) this.#handler?.cleared(nodeId);
  }

  forget(nodeId: NodeId, incarnation: number): void {
    this.#certificates.add(nodeId, incarnation, this.#options.clock.monotonicMs());
    this.unlinked(nodeId);
    this.drop(nodeId);
  }

  /** A delta of any node, directly or by gossip. */
  onDelta(payload: Uint8Array): void {
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
    const remote = this.#remoteOf(origin);
    const rejectedBefore = remote.rejectedCount;
    const outcome = remote.receive(delta);
    counters.add(deltaCounters[outcome.type]);
    const rejected = remote.rejectedCount - rejectedBefore;
    if (rejected > 0) counters.add("interest_rejected_full", rejected);
    if (outcome.type === "applied") {
      this.#tell(origin, outcome.changes);
      this.#caughtUp(origin);
    } else if (outcome.type === "gap" && this.#peers.has(origin)) {
      this.#puller.pull(origin);
    }
  }

  /** What a linked node says of its own table. */
  onPosition(from: NodeId, position: InterestPosition): void {
    const peer = this.#peers.get(from);
    if (peer === undefined || this.#isDead(from, position.incarnation)) return;
    peer.isPositionKnown = true;
    const remote = this.#remoteOf(from);
    const relation = remote.compare(position);
    if (relation === "behind") this.#puller.pull(from);
    else if (relation === "mismatch") this.#onMismatch(from, peer, remote);
    else if (relation !== "stale") this.#caughtUp(from);
  }

  /** Confirms what was taken in during this turn, once per writer. */
  endTurn(): void {
    for (const nodeId of this.#unconfirmed) this.#confirm(nodeId);
    this.#unconfirmed.clear();
  }

  /** Of the nodes that `isCounted`. */
  routes(isCounted: (nodeId: NodeId) => boolean): RoutePosition[] {
    const positions: RoutePosition[] = [];
    for (const [nodeId, { table }] of this.#remotes) {
      const { incarnation, seq, digest } = table;
      if (isCounted(nodeId)) positions.push({ nodeId, incarnation, seq, digest });
    }
    return positions;
  }

  /** Keys of the nodes that `isCounted`. */
  keysCount(isCounted: (nodeId: NodeId) => boolean): number {
    let count = 0;
    for (const [nodeId, { table }] of this.#remotes) if (isCounted(nodeId)) count += table.count;
    return count;
  }

  stop(): void {
    this.#puller.stop();
  }

  #confirm(nodeId: NodeId): void {
    const { transport } = this.#options;
    const peer = this.#peers.get(nodeId);
    const remote = this.#remotes.get(nodeId);
    if (peer === undefined || remote === undefined) return;
    const { incarnation, seq } = remote;
    const frame = encodeInterestAck({ incarnation, seq });
    // What is refused now is confirmed after the peer's next position.
    if (transport.send(nodeId, Channel.control, frame) === "queued") peer.confirmedSeq = seq;
  }

  #onMismatch(from: NodeId, peer: Peer, remote: RemoteInterest): void {
    const { clock, counters, log } = this.#options;
    const nowMs = clock.monotonicMs();
    if (nowMs - peer.reloadedMs < interestLimits.resyncIntervalMs) return;
    peer.reloadedMs = nowMs;
    counters.add("interest_digest_mismatches");
    log.error({ nodeId: from, seq: remote.seq }, "interest differs at one seq; loading it again");
    remote.reload();
    this.#puller.pull(from);
  }

  /** Called whenever the table of a node moved or was found complete. */
  #caughtUp(nodeId: NodeId): void {
    const peer = this.#peers.get(nodeId);
    const remote = this.#remotes.get(nodeId);
    if (peer === undefined || remote === undefined) return;
    if (peer.isPositionKnown && !remote.isBehind) peer.isSynced = true;
    if (remote.seq > peer.confirmedSeq && remote.incarnation > 0) {
      this.#unconfirmed.add(nodeId);
      this.#options.onDue();
    }
  }

  #tell(nodeId: NodeId, changes: readonly InterestChange[]): void {
    if (changes.length > 0) this.#handler?.changed(nodeId, changes);
  }

  #remoteOf(origin: NodeId): RemoteInterest {
    let remote = this.#remotes.get(origin);
    if (remote === undefined) {
      remote = new RemoteInterest(interestLimits.keysMax);
      this.#remotes.set(origin, remote);
    }
    return remote;
  }

  #isDead(nodeId: NodeId, incarnation: number): boolean {
    return this.#certificates.isDead(nodeId, incarnation, this.#options.clock.monotonicMs());
  }
}

const deltaCounters = {
  applied: "interest_deltas_applied",
  duplicate: "interest_deltas_duplicate",
  gap: "interest_deltas_gap",
  stale: "interest_deltas_stale",
} as const;
