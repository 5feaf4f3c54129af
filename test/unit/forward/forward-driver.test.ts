import { beforeEach, describe, expect, it } from "vitest";
import { ForwardDriver } from "../../../cluster/drivers/forward-driver.ts";
import type { NodeId } from "../../../cluster/node-id.ts";
import { forwardLimits } from "../../../cluster/peer-limits.ts";
import { Counters } from "../../../cluster/ports.ts";
import { Channel } from "../../../cluster/transport/transport.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { idOf, PeerNetwork, pass, settle } from "../../support/peer-network.ts";
import { silentLog } from "../../support/silent-log.ts";

interface Node {
  readonly driver: ForwardDriver;
  readonly counters: Counters;
  readonly heard: string[];
}

const a = idOf(1);
const b = idOf(2);

describe("forwarding between nodes", () => {
  let clock: FakeClock;
  let network: PeerNetwork;
  let members: Set<NodeId>;

  function start(nodeId: NodeId, incarnation = 1): Node {
    const transport = network.add(nodeId, incarnation);
    const counters = new Counters();
    const driver = new ForwardDriver({
      transport,
      clock,
      random: () => 0.5,
      log: silentLog,
      counters,
      incarnation,
      isMember: (id) => members.has(id),
    });
    const heard: string[] = [];
    driver.onForward((_from, frame) => heard.push(Buffer.from(frame).toString()));
    transport.handlers = {
      ...transport.handlers,
      onLink: (event) => driver.onLink(event),
      onFrame: (from, channel, frame) => {
        if (channel === Channel.forward) driver.onForwardFrame(from, frame);
        else driver.onControl(from, frame[0] as number, frame.subarray(1));
      },
    };
    return { driver, counters, heard };
  }

  function send(node: Node, text: string, delivery: "atMostOnce" | "atLeastOnce"): string {
    return node.driver.forward(b, Buffer.from(text), delivery);
  }

  beforeEach(() => {
    clock = new FakeClock();
    network = new PeerNetwork(clock);
    members = new Set([a, b]);
  });

  it("keeps one order for both deliveries, and sends one frame per turn", async () => {
    const [one, two] = [start(a), start(b)];
    network.link(a, b);
    await settle(clock);
    const expected: string[] = [];
    for (let i = 0; i < 100; i += 1) {
      expected.push(`m${i}`);
      expect(send(one, `m${i}`, i % 3 === 0 ? "atLeastOnce" : "atMostOnce")).toBe("queued");
    }
    await settle(clock);
    expect(two.heard).toEqual(expected);
    expect(one.counters.get("forward_batches_sent")).toBe(1);
    await pass(clock, forwardLimits.confirmMs);
    expect(one.driver.gauges().get("forward_kept_frames")).toBe(0);
  });

  it("carries frames larger than a batch, and many in one turn", async () => {
    const [one, two] = [start(a), start(b)];
    network.link(a, b);
    await settle(clock);
    const large = "x".repeat(300_000);
    send(one, "before", "atLeastOnce");
    send(one, large, "atLeastOnce");
    for (let i = 0; i < 5000; i += 1) send(one, `n${i}`.padEnd(100), "atMostOnce");
    await settle(clock);
    expect(two.heard.slice(0, 2)).toEqual(["before", large]);
    expect(two.heard).toHaveLength(5002);
    expect(one.counters.get("forward_batches_sent")).toBeLessThan(20);
  });

  it("resends in order and exactly once after the link returned", async () => {
    const [one, two] = [start(a), start(b)];
    network.link(a, b);
    await settle(clock);
    send(one, "1", "atLeastOnce");
    await settle(clock);
    // These get lost with the link, or their confirmation does.
    let losing = true;
    network.loses = (from, _to, channel) => losing && from === b && channel === Channel.control;
    send(one, "2", "atLeastOnce");
    await settle(clock);
    await pass(clock, forwardLimits.confirmMs);
    losing = false;
    network.loses = (_from, _to, channel) => channel === Channel.forward;
    send(one, "3", "atLeastOnce");
    send(one, "lost", "atMostOnce");
    await settle(clock);
    network.unlink(a, b);
    network.loses = () => false;
    send(one, "4", "atLeastOnce");
    expect(send(one, "none", "atMostOnce")).toBe("dropped");
    await settle(clock);
    network.link(a, b);
    send(one, "5", "atMostOnce");
    send(one, "6", "atLeastOnce");
    await settle(clock);
    expect(two.heard).toEqual(["1", "2", "3", "4", "5", "6"]);
    expect(one.counters.get("forward_dropped_no_link")).toBe(1);
    expect(two.counters.get("forward_frames_skipped")).toBe(1);
    await pass(clock, forwardLimits.confirmMs);
    expect(one.driver.gauges().get("forward_kept_size_bytes")).toBe(0);
  });

  it("confirms many batches at once, the last ones before long, and all of them when it stops", async () => {
    const [one, two] = [start(a), start(b)];
    network.link(a, b);
    await settle(clock);
    let confirmations = 0;
    network.loses = (from, _to, channel) => {
      if (from === b && channel === Channel.control) confirmations++;
      return false;
    };
    const kept = (): number | undefined => one.driver.gauges().get("forward_kept_frames");
    const batches = 2 * forwardLimits.unconfirmedBatchesMax + 3;
    for (let sent = 0; sent < batches; sent++) {
      send(one, "x", "atLeastOnce");
      await settle(clock);
    }
    expect([two.heard.length, confirmations, kept()]).toEqual([batches, 2, 3]);
    await pass(clock, forwardLimits.confirmMs);
    expect([confirmations, kept()]).toEqual([3, 0]);
    send(one, "x", "atLeastOnce");
    await settle(clock);
    expect([confirmations, kept()]).toEqual([3, 1]);
    two.driver.stop();
    await settle(clock);
    expect([confirmations, kept()]).toEqual([4, 0]);
  });

  it("queues for a member before its first link, and for nobody else", async () => {
    const one = start(a);
    expect(send(one, "1", "atLeastOnce")).toBe("queued");
    expect(one.driver.forward(idOf(9), Buffer.from("x"), "atLeastOnce")).toBe("dropped");
    expect(one.counters.get("forward_dropped_gone")).toBe(1);
    await settle(clock);
    const two = start(b);
    network.link(a, b);
    await settle(clock);
    expect(two.heard).toEqual(["1"]);
  });

  it("numbers from 1 again after a restart of the sender, and resends after one of the receiver", async () => {
    let one = start(a);
    let two = start(b);
    network.link(a, b);
    await settle(clock);
    send(one, "1", "atLeastOnce");
    await settle(clock);
    network.kill(a);
    one = start(a, 2);
    network.link(a, b);
    send(one, "2", "atLeastOnce");
    await settle(clock);
    expect(two.heard).toEqual(["1", "2"]);
    await pass(clock, forwardLimits.confirmMs);
    network.kill(b);
    send(one, "3", "atLeastOnce");
    await settle(clock);
    two = start(b, 2);
    network.link(a, b);
    send(one, "4", "atLeastOnce");
    await settle(clock);
    expect(two.heard).toEqual(["3", "4"]);
  });

  it("drops what is at most once while the peer is slow, keeps the rest, and goes on by itself", async () => {
    const [one, two] = [start(a), start(b)];
    network.link(a, b);
    await settle(clock);
    network.refuses = (_from, _to, channel) => channel === Channel.forward;
    send(one, "1", "atLeastOnce");
    await settle(clock);
    expect(send(one, "no", "atMostOnce")).toBe("dropped");
    expect(send(one, "2", "atLeastOnce")).toBe("queued");
    expect(one.counters.get("forward_dropped_slow")).toBe(1);
    await settle(clock);
    expect(two.heard).toEqual([]);
    network.refuses = () => false;
    clock.advance(10);
    await settle(clock);
    expect(two.heard).toEqual(["1", "2"]);
    expect(send(one, "3", "atMostOnce")).toBe("queued");
  });

  it("works over a link that opened before the driver of one end was there", async () => {
    const one = start(a);
    const early = network.add(b);
    network.link(a, b);
    send(one, "1", "atLeastOnce");
    await settle(clock);
    const two = start(b);
    const late = network.peers.get(b);
    const hello = network.peers.get(a)?.hello();
    if (late === undefined || hello === undefined) throw new Error("no node");
    expect(late).not.toBe(early);
    late.handlers.onLink({ type: "up", nodeId: a, hello });
    two.driver.forward(a, Buffer.from("back"), "atLeastOnce");
    await settle(clock);
    expect(two.heard).toEqual(["1"]);
    expect(one.heard).toEqual(["back"]);
    expect(one.counters.get("forward_batches_sent")).toBe(1);
  });

  it("drops the lane of a node that the log removed", async () => {
    const one = start(a);
    send(one, "1", "atLeastOnce");
    send(one, "2", "atLeastOnce");
    await settle(clock);
    members.delete(b);
    one.driver.forget(b);
    expect(one.counters.get("forward_dropped_gone")).toBe(2);
    expect(send(one, "3", "atLeastOnce")).toBe("dropped");
    expect(one.driver.gauges().get("forward_lanes")).toBe(0);
  });

  it("survives malformed frames and a handler that fails", async () => {
    const [one, two] = [start(a), start(b)];
    network.link(a, b);
    await settle(clock);
    two.driver.onForwardFrame(a, Buffer.from([1, 9, 0]));
    two.driver.onForwardFrame(a, Buffer.from([1, 1, 0, 0, 0, 0, 0, 0, 0, 200]));
    for (const kind of [5, 6]) two.driver.onControl(a, kind, Buffer.from([1]));
    expect(two.counters.get("forward_batches_malformed")).toBe(2);
    expect(two.counters.get("forward_controls_malformed")).toBe(2);
    two.driver.onForward((_from, frame) => {
      if (frame[0] === 0x31) throw new Error("no");
      two.heard.push(Buffer.from(frame).toString());
    });
    send(one, "1", "atLeastOnce");
    send(one, "2", "atLeastOnce");
    await settle(clock);
    expect(two.heard).toEqual(["2"]);
    expect(two.counters.get("forward_handler_failures")).toBe(1);
  });
});
