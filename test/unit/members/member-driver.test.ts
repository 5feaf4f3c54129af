import { beforeEach, describe, expect, it } from "vitest";
import { MemberDriver } from "../../../cluster/drivers/member-driver.ts";
import type { NodeId } from "../../../cluster/node-id.ts";
import { Counters } from "../../../cluster/ports.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { idOf, PeerNetwork, type PeerTransport, pass, settle } from "../../support/peer-network.ts";
import { silentLog } from "../../support/silent-log.ts";

interface Node {
  readonly driver: MemberDriver;
  readonly transport: PeerTransport;
  readonly counters: Counters;
  readonly states: string[];
  readonly piggybacks: string[];
}

const a = idOf(1);
const b = idOf(2);
const c = idOf(3);

function member(nodeId: NodeId, addresses: string[] = [nodeId]) {
  return { nodeId, name: nodeId, addresses };
}

describe("links to the members", () => {
  let clock: FakeClock;
  let network: PeerNetwork;

  function start(nodeId: NodeId, incarnation = 1): Node {
    const transport = network.add(nodeId, incarnation);
    const counters = new Counters();
    const states: string[] = [];
    const piggybacks: string[] = [];
    const driver = new MemberDriver({
      nodeId,
      transport,
      clock,
      random: () => 0.5,
      log: silentLog,
      counters,
      timings: { pingMs: 250, suspectMs: 1500, downMs: 5000 },
      piggyback: () => Buffer.from(`from ${nodeId.at(-1)}`),
      onPiggyback: (_from, bytes) => piggybacks.push(Buffer.from(bytes).toString()),
      onStateChanged: (other, state) => states.push(`${other.at(-1)} ${state}`),
    });
    transport.handlers = {
      ...transport.handlers,
      onLink: (event) => driver.onLink(event),
      onFrame: (from, _channel, frame) =>
        driver.onControl(from, frame[0] as number, frame.subarray(1)),
    };
    driver.start();
    return { driver, transport, counters, states, piggybacks };
  }

  beforeEach(() => {
    clock = new FakeClock();
    network = new PeerNetwork(clock);
  });

  it("dials the members until all are linked and up, and measures the round trip", async () => {
    const nodes = [start(a), start(b), start(c)];
    for (const { driver } of nodes) driver.setMembers([member(a), member(b), member(c)]);
    await pass(clock, 400);
    for (const { driver, states } of nodes) {
      expect(states).toHaveLength(2);
      expect(states.every((state) => state.endsWith("up"))).toBe(true);
      expect(driver.gauges().get("members_up")).toBe(2);
    }
    expect(nodes[0]?.driver.roundTripMs(b)).toBe(0);
    expect(nodes[0]?.piggybacks).toContain("from 2");
    expect(nodes[0]?.driver.stateOf(idOf(9))).toBe("down");
  });

  it("never gives up, tries every address, and finds the member when it comes at last", async () => {
    const one = start(a);
    one.driver.setMembers([member(b, ["nowhere", b])]);
    await pass(clock, 60_000, 500);
    expect(one.states).toEqual(["2 down"]);
    const dials = one.transport.dialled.length;
    expect(dials).toBeGreaterThan(40);
    expect(dials).toBeLessThan(150);
    expect(new Set(one.transport.dialled)).toEqual(new Set(["nowhere", b]));
    start(b);
    await pass(clock, 2500);
    expect(one.states).toEqual(["2 down", "2 suspect", "2 up"]);
  });

  it("suspects at once after a reset, and links again where the member said it can be reached", async () => {
    const one = start(a);
    start(b);
    network.link(a, b);
    one.driver.setMembers([member(b, ["old-address"])]);
    await pass(clock, 300);
    network.unlink(a, b);
    expect(one.states).toEqual(["2 up", "2 suspect"]);
    network.link(a, b);
    expect(one.driver.addressesOf(b)).toEqual([b, "old-address"]);
    network.unlink(a, b);
    await pass(clock, 300);
    expect(one.states).toEqual(["2 up", "2 suspect", "2 up"]);
    expect(one.transport.dialled).toEqual([b]);
  });

  it("finds a peer that hangs though its link stays, and does not wait for that link", async () => {
    const one = start(a);
    start(b);
    one.driver.setMembers([member(b)]);
    await pass(clock, 500);
    const link = network.linkOf(a, b);
    network.loses = (from) => from === b;
    // Who hangs does not finish a handshake either.
    network.accepts = (to) => to !== b;
    await pass(clock, 1500);
    expect(one.states).toEqual(["2 up", "2 suspect"]);
    expect(network.linkOf(a, b)).toBe(link);
    await pass(clock, 4000);
    expect(one.states).toEqual(["2 up", "2 suspect", "2 down"]);
    expect(one.counters.get("member_links_given_up")).toBe(1);
    expect(network.linkOf(a, b)).toBeUndefined();
    network.loses = () => false;
    network.accepts = () => true;
    await pass(clock, 1000);
    expect(one.states.at(-1)).toBe("2 up");
  });

  it("forgets a member that the log removed, and stops dialling", async () => {
    const one = start(a);
    one.driver.setMembers([member(b)]);
    await pass(clock, 500);
    one.driver.setMembers([]);
    const dials = one.transport.dialled.length;
    await pass(clock, 5000, 500);
    expect(one.transport.dialled).toHaveLength(dials);
    expect(one.driver.has(b)).toBe(false);
    expect(one.states).toEqual([]);
  });

  it("counts a dial that reached another node, and malformed frames", async () => {
    const one = start(a);
    start(c);
    one.driver.setMembers([member(b, [c])]);
    await pass(clock, 500);
    expect(one.counters.get("member_dials_failed")).toBeGreaterThan(1);
    expect(one.driver.isLinked(c)).toBe(true);
    expect(one.driver.isLinked(b)).toBe(false);
    one.driver.onControl(c, 1, Buffer.from([1]));
    expect(one.counters.get("member_frames_malformed")).toBe(1);
  });

  it("is quiet after stop", async () => {
    const one = start(a);
    one.driver.setMembers([member(b)]);
    await settle(clock);
    one.driver.stop();
    const dials = one.transport.dialled.length;
    await pass(clock, 1000);
    expect(one.transport.dialled).toHaveLength(dials);
    expect(clock.pendingTimers()).toBe(0);
  });
});
