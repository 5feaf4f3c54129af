import { type MemberState, MemberTable, type StateChange } from "../members/member-table.ts";
import type { NodeId } from "../node-id.ts";
import type { ClusterTimings } from "../options.ts";
import { memberLimits } from "../peer-limits.ts";
import type { Cancel } from "../ports.ts";
import { Channel, type LinkEvent } from "../transport/transport.ts";
import { ControlKind } from "../wire/frame-kinds.ts";
import { decodePing, encodePing } from "../wire/ping-frames.ts";
import type { DriverPorts } from "./driver-ports.ts";
import { MemberDialler } from "./member-dialler.ts";

/** What the log says about a member. */
export interface ConfiguredMember {
  readonly nodeId: NodeId;
  readonly name: string;
  /** HOST:PORT, best first. */
  readonly addresses: readonly string[];
}

export interface MemberDriverOptions extends DriverPorts {
  readonly nodeId: NodeId;
  readonly timings: Pick<ClusterTimings, "pingMs" | "suspectMs" | "downMs">;
  /** Bytes that go along with each ping and pong; short, for it is called for each. */
  readonly piggyback: () => Uint8Array;
  /** `bytes` is valid during the call. */
  readonly onPiggyback: (from: NodeId, bytes: Uint8Array) => void;
  readonly onStateChanged: (nodeId: NodeId, state: MemberState) => void;
}

interface Member {
  name: string;
  readonly dialler: MemberDialler;
}

/** The node with the smaller id dials first; the other one helps when that took longer than this. */
const secondDialDelayMs = 100;

/** Keeps a link to each member, and knows which of them are alive (DESIGN section 5, `members`). */
export class MemberDriver {
  readonly #options: MemberDriverOptions;
  readonly #table: MemberTable;
  readonly #members = new Map<NodeId, Member>();
  /** All linked nodes, members or not, with the last round trip; null before the first pong. */
  readonly #links = new Map<NodeId, { roundTripMs: number | null }>();
  #cancelTick: Cancel | null = null;

  constructor(options: MemberDriverOptions) {
    this.#options = options;
    this.#table = new MemberTable(options.timings);
  }

  /** Begins to ping; the transport must be running. */
  start(): void {
    this.#scheduleTick();
  }

  stop(): void {
    this.#cancelTick?.();
    this.#cancelTick = null;
    for (const { dialler } of this.#members.values()) dialler.stop();
    this.#members.clear();
  }

  /** The members that the log knows now, this node included or not: it is left out. */
  setMembers(configured: readonly ConfiguredMember[]): void {
    const { nodeId: self, clock } = this.#options;
    const kept = new Set<NodeId>();
    for (const { nodeId, name, addresses } of configured) {
      if (nodeId === self) continue;
      kept.add(nodeId);
      this.#table.add(nodeId, this.#links.has(nodeId), clock.monotonicMs());
      const member = this.#members.get(nodeId) ?? this.#addMember(nodeId);
      member.name = name;
      member.dialler.configure(addresses);
      member.dialler.start(this.#firstDialDelayMs(nodeId));
    }
    for (const [nodeId, { dialler }] of this.#members) {
      if (kept.has(nodeId)) continue;
      dialler.stop();
      this.#members.delete(nodeId);
      this.#table.remove(nodeId);
    }
  }

  onLink(event: LinkEvent): void {
    const { nodeId } = event;
    const { clock, log } = this.#options;
    const member = this.#members.get(nodeId);
    if (event.type === "up") {
      this.#links.set(nodeId, { roundTripMs: null });
      member?.dialler.learn(event.hello.addresses);
      member?.dialler.linked();
      this.#changed(this.#table.linkUp(nodeId, clock.monotonicMs()));
      this.#ping(nodeId);
      return;
    }
    this.#links.delete(nodeId);
    if (member === undefined) return;
    log.info({ nodeId, name: member.name, reason: event.reason }, "link to member lost");
    this.#changed(this.#table.linkDown(nodeId));
    member.dialler.start(this.#firstDialDelayMs(nodeId));
  }

  /** Another node says where a member is now. */
  learnAddresses(nodeId: NodeId, addresses: readonly string[]): void {
    const member = this.#members.get(nodeId);
    if (member === undefined || this.#links.has(nodeId)) return;
    member.dialler.learn(addresses);
    member.dialler.start(this.#firstDialDelayMs(nodeId));
  }

  /** Frames of kind ping and pong, without the kind. */
  onControl(from: NodeId, kind: number, payload: Uint8Array): void {
    const { clock, counters, onPiggyback } = this.#options;
    const ping = decodePing(payload);
    if (ping === null) {
      counters.add("member_frames_malformed");
      return;
    }
    if (kind === ControlKind.ping) {
      const { sentMs } = ping;
      const piggyback = this.#options.piggyback();
      this.#send(from, encodePing(ControlKind.pong, { sentMs, piggyback }));
    } else if (kind === ControlKind.pong) {
      const nowMs = clock.monotonicMs();
      const link = this.#links.get(from);
      const roundTripMs = nowMs - ping.sentMs;
      if (link !== undefined && roundTripMs >= 0) link.roundTripMs = roundTripMs;
      this.#changed(this.#table.pong(from, nowMs));
    }
    if (ping.piggyback.length > 0) onPiggyback(from, ping.piggyback);
  }

  has(nodeId: NodeId): boolean {
    return this.#members.has(nodeId);
  }

  /** "down" for a node that is no member. */
  stateOf(nodeId: NodeId): MemberState {
    return this.#table.stateOf(nodeId) ?? "down";
  }

  isLinked(nodeId: NodeId): boolean {
    return this.#links.has(nodeId);
  }

  areAllLinked(): boolean {
    return [...this.#members.keys()].every((nodeId) => this.#links.has(nodeId));
  }

  /** Of the last ping; null while unknown. */
  roundTripMs(nodeId: NodeId): number | null {
    return this.#links.get(nodeId)?.roundTripMs ?? null;
  }

  /** What is dialled for a member: learnt addresses before configured ones. */
  addressesOf(nodeId: NodeId): readonly string[] {
    return this.#members.get(nodeId)?.dialler.addresses ?? [];
  }

  gauges(): ReadonlyMap<string, number> {
    const count = { up: 0, suspect: 0, down: 0 };
    for (const nodeId of this.#members.keys()) count[this.stateOf(nodeId)] += 1;
    return new Map([
      ["members_up", count.up],
      ["members_suspect", count.suspect],
      ["members_down", count.down],
      ["links", this.#links.size],
    ]);
  }

  #addMember(nodeId: NodeId): Member {
    const dialler = new MemberDialler({
      ...this.#options,
      target: nodeId,
      isLinked: () => this.#links.has(nodeId),
    });
    const member = { name: "", dialler };
    this.#members.set(nodeId, member);
    return member;
  }

  #firstDialDelayMs(nodeId: NodeId): number {
    const jitterMs = this.#options.random() * memberLimits.redialMinMs;
    return this.#options.nodeId < nodeId ? jitterMs : secondDialDelayMs + jitterMs;
  }

  #scheduleTick(): void {
    const { clock, timings } = this.#options;
    this.#cancelTick = clock.after(timings.pingMs, () => {
      this.#scheduleTick();
      this.#tick();
    });
  }

  #tick(): void {
    const { clock, counters, log } = this.#options;
    const { changes, stalledMs } = this.#table.tick(clock.monotonicMs());
    if (stalledMs > 0) {
      counters.add("member_local_stalls");
      log.warn({ stalledMs }, "this node stood still; it accuses nobody for that time");
    }
    for (const change of changes) {
      this.#changed(change);
      if (change.state === "down") this.#giveUpLink(change.nodeId);
    }
    for (const nodeId of this.#links.keys()) this.#ping(nodeId);
  }

  /**
   * A link that was silent for so long hangs. Were it kept, TCP would wait as long again before it tries it after a partition;
   * dials are repeated sooner than that.
   */
  #giveUpLink(nodeId: NodeId): void {
    const { counters, transport } = this.#options;
    if (!this.#links.has(nodeId)) return;
    counters.add("member_links_given_up");
    // It says goodbye to nobody; what is left of it ends on its own.
    void transport.disconnect(nodeId).catch(() => undefined);
  }

  #ping(nodeId: NodeId): void {
    const ping = {
      sentMs: this.#options.clock.monotonicMs(),
      piggyback: this.#options.piggyback(),
    };
    this.#send(nodeId, encodePing(ControlKind.ping, ping));
  }

  #send(nodeId: NodeId, frame: Uint8Array): void {
    const result = this.#options.transport.send(nodeId, Channel.control, frame);
    if (result === "full") this.#options.counters.add("member_pings_refused");
  }

  #changed(change: StateChange | null): void {
    if (change === null) return;
    const { counters, log, onStateChanged } = this.#options;
    const { nodeId, state } = change;
    counters.add(stateCounters[state]);
    log.info({ nodeId, name: this.#members.get(nodeId)?.name, state }, "member changed state");
    onStateChanged(nodeId, state);
  }
}

const stateCounters = {
  up: "members_became_up",
  suspect: "members_became_suspect",
  down: "members_became_down",
} as const;
