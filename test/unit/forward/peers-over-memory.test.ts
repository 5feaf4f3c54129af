import { describe, expect, it } from "vitest";
import { ForwardDriver } from "../../../cluster/drivers/forward-driver.ts";
import { InterestDriver } from "../../../cluster/drivers/interest-driver.ts";
import { MemberDriver } from "../../../cluster/drivers/member-driver.ts";
import type { NodeId } from "../../../cluster/node-id.ts";
import { Counters } from "../../../cluster/ports.ts";
import { MemoryTransport } from "../../../cluster/transport/memory.ts";
import { MemoryNetwork } from "../../../cluster/transport/memory-network.ts";
import { Channel } from "../../../cluster/transport/transport.ts";
import { ControlKind } from "../../../cluster/wire/frame-kinds.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { seededRandom } from "../../support/memory-harness.ts";
import { idOf } from "../../support/peer-network.ts";
import { silentLog } from "../../support/silent-log.ts";

const nodeIds: readonly NodeId[] = [idOf(1), idOf(2), idOf(3)];
const addressOf = (nodeId: NodeId): string => `memory:${7000 + Number.parseInt(nodeId, 16)}`;

/** A node as the composition wires it, without the log: members are fixed. */
class Peer {
  readonly nodeId: NodeId;
  readonly members: MemberDriver;
  readonly interest: InterestDriver;
  readonly forward: ForwardDriver;
  readonly counters = new Counters();
  readonly routes = new Map<string, number>();
  readonly heard: string[] = [];
  readonly transport: MemoryTransport;
  readonly #incarnation: number;

  constructor(network: MemoryNetwork, nodeId: NodeId, incarnation: number) {
    this.nodeId = nodeId;
    this.#incarnation = incarnation;
    const { clock, random } = network;
    const { counters } = this;
    const transport = new MemoryTransport({
      network,
      nodeId,
      counters,
      secret: Buffer.alloc(32, 7),
      port: 7000 + Number.parseInt(nodeId, 16),
    });
    const ports = { transport, clock, random, counters, log: silentLog };
    const isMember = (other: NodeId): boolean => nodeIds.includes(other);
    this.transport = transport;
    this.interest = new InterestDriver({ ...ports, nodeId, incarnation, isMember });
    this.forward = new ForwardDriver({ ...ports, incarnation, isMember });
    this.members = new MemberDriver({
      ...ports,
      nodeId,
      timings: { pingMs: 250, suspectMs: 1500, downMs: 5000 },
      piggyback: () => this.interest.piggyback(),
      onPiggyback: (from, bytes) => this.interest.onPiggyback(from, bytes),
      onStateChanged: (other, state) => this.interest.onMemberState(other, state),
    });
    this.interest.setHandler({
      changed: (from, changes) => {
        for (const { key, weight } of changes) {
          if (weight > 0) this.routes.set(`${from} ${key}`, weight);
          else this.routes.delete(`${from} ${key}`);
        }
      },
      cleared: () => {
        throw new Error("no member was removed");
      },
    });
    this.forward.onForward((from, frame) => this.heard.push(`${from} ${Buffer.from(frame)}`));
  }

  async start(): Promise<void> {
    await this.transport.start(
      {
        onFrame: (from, channel, frame) => {
          if (channel === Channel.forward) this.forward.onForwardFrame(from, frame);
          else if (channel === Channel.control) this.#onControl(from, frame);
        },
        onLink: (event) => {
          this.members.onLink(event);
          this.interest.onLink(event);
          this.forward.onLink(event);
        },
        onRequest: (from, _kind, payload) => this.interest.onRequest(from, payload),
        onBulk: () => Promise.resolve(),
        onBroadcast: (from, payload) => this.interest.onBroadcast(from, payload),
        onDiscovered: () => {},
      },
      () => ({
        name: this.nodeId,
        clusterId: "c",
        incarnation: this.#incarnation,
        version: "0.1.0",
      }),
    );
    this.members.start();
    this.members.setMembers(
      nodeIds.map((nodeId) => ({ nodeId, name: nodeId, addresses: [addressOf(nodeId)] })),
    );
  }

  stop(): void {
    this.members.stop();
    this.interest.stop();
    this.forward.stop();
  }

  #onControl(from: NodeId, frame: Uint8Array): void {
    const kind = frame[0] as ControlKind;
    const payload = frame.subarray(1);
    if (kind === ControlKind.ping || kind === ControlKind.pong) {
      this.members.onControl(from, kind, payload);
    } else if (kind === ControlKind.forwardAck || kind === ControlKind.laneState) {
      this.forward.onControl(from, kind, payload);
    } else {
      this.interest.onControl(from, kind, payload);
    }
  }
}

async function pass(clock: FakeClock, durationMs: number): Promise<void> {
  for (let passedMs = 0; passedMs < durationMs; passedMs += 5) {
    clock.advance(5);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe("three nodes on an unreliable network", () => {
  it.each([1, 2, 3, 4, 5, 6])("agree on routes and lose no message, seed %i", async (seed) => {
    const clock = new FakeClock();
    const random = seededRandom(seed);
    const network = new MemoryNetwork({ clock, random, broadcastLossRate: 0.5 });
    const peers = nodeIds.map((nodeId) => new Peer(network, nodeId, 1));
    const pick = (count: number): number => Math.floor(random() * count);
    for (const peer of peers) await peer.start();
    const expected = new Map<string, string[]>();
    let number = 0;
    for (let round = 0; round < 60; round += 1) {
      const from = pick(3);
      const to = (from + 1 + pick(2)) % 3;
      const [one, other] = [nodeIds[from] as NodeId, nodeIds[to] as NodeId];
      for (let i = 0; i < 20; i += 1) peers[from]?.interest.set(`k/${pick(40)}`, pick(3));
      for (let i = 0; i < 20; i += 1) {
        const text = `${number++}`;
        const queued = peers[from]?.forward.forward(other, Buffer.from(text), "atLeastOnce");
        expect(queued).toBe("queued");
        const lane = expected.get(`${one} ${other}`) ?? [];
        expected.set(`${one} ${other}`, [...lane, text]);
      }
      const fault = pick(6);
      if (fault === 0) network.reset(one, other);
      else if (fault === 1) network.partition(one, other);
      else if (fault === 2) network.pause(other);
      await pass(clock, 20 + pick(300));
      network.healAll();
      network.resume(other);
    }
    await pass(clock, 8000);
    for (const peer of peers) {
      expect(peer.members.gauges().get("members_up")).toBe(2);
      expect(peer.interest.routesDigest()).toBe(peers[0]?.interest.routesDigest());
      expect(peer.routes.size).toBe(peer.interest.routesCount() - ownCount(peer));
      expect(peer.forward.gauges().get("forward_kept_frames")).toBe(0);
      for (const from of nodeIds) {
        const got = peer.heard.filter((line) => line.startsWith(from));
        const sent = expected.get(`${from} ${peer.nodeId}`) ?? [];
        expect(got).toEqual(sent.map((text) => `${from} ${text}`));
      }
    }
    for (const peer of peers) peer.stop();
  });

  it("replaces the routes of a node that crashed and came back, and its barrier is live", async () => {
    const clock = new FakeClock();
    const network = new MemoryNetwork({ clock, random: seededRandom(9) });
    const peers = nodeIds.map((nodeId) => new Peer(network, nodeId, 1));
    for (const peer of peers) await peer.start();
    peers[0]?.interest.set("before", 1);
    await pass(clock, 1000);
    expect(peers[1]?.routes.get(`${nodeIds[0]} before`)).toBe(1);
    network.crash(nodeIds[0] as NodeId);
    peers[0]?.stop();
    await pass(clock, 6000);
    expect(peers[1]?.members.stateOf(nodeIds[0] as NodeId)).toBe("down");
    expect(peers[1]?.routes.get(`${nodeIds[0]} before`)).toBe(1);
    const again = new Peer(network, nodeIds[0] as NodeId, 2);
    await again.start();
    await pass(clock, 3000);
    again.interest.set("after", 1);
    let outcome = "";
    void again.interest.barrier(250).then((value) => {
      outcome = value;
    });
    await pass(clock, 20);
    expect(outcome).toBe("live");
    for (const peer of peers.slice(1)) {
      expect(again.interest.isSynced(peer.nodeId)).toBe(true);
      expect([...peer.routes.keys()]).toEqual([`${nodeIds[0]} after`]);
      expect(peer.interest.routesDigest()).toBe(again.interest.routesDigest());
    }
    for (const peer of [again, ...peers.slice(1)]) peer.stop();
  });
});

function ownCount(peer: Peer): number {
  return peer.interest.gauges().get("interest_own_keys") ?? 0;
}
