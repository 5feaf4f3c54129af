import { beforeEach, describe, expect, it } from "vitest";
import { InterestDriver } from "../../../cluster/drivers/interest-driver.ts";
import type { NodeId } from "../../../cluster/node-id.ts";
import { Counters } from "../../../cluster/ports.ts";
import { Channel } from "../../../cluster/transport/transport.ts";
import { ControlKind } from "../../../cluster/wire/frame-kinds.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { idOf, PeerNetwork, pass, settle } from "../../support/peer-network.ts";
import { silentLog } from "../../support/silent-log.ts";

interface Node {
  readonly nodeId: NodeId;
  readonly driver: InterestDriver;
  readonly counters: Counters;
  /** What its handler was told, as "node key" -> weight. */
  readonly routes: Map<string, number>;
}

const a = idOf(1);
const b = idOf(2);
const c = idOf(3);

describe("interest of all nodes", () => {
  let clock: FakeClock;
  let network: PeerNetwork;
  let members: Set<NodeId>;

  function start(nodeId: NodeId, incarnation = 1): Node {
    const transport = network.add(nodeId, incarnation);
    const counters = new Counters();
    const driver = new InterestDriver({
      nodeId,
      incarnation,
      transport,
      clock,
      random: () => 0.5,
      log: silentLog,
      counters,
      isMember: (id) => members.has(id),
    });
    const routes = new Map<string, number>();
    driver.setHandler({
      changed: (from, changes) => {
        for (const { key, weight } of changes) {
          if (weight === 0) routes.delete(`${from.at(-1)} ${key}`);
          else routes.set(`${from.at(-1)} ${key}`, weight);
        }
      },
      cleared: (from) => {
        for (const route of routes.keys()) {
          if (route.startsWith(`${from.at(-1)} `)) routes.delete(route);
        }
      },
    });
    transport.handlers = {
      ...transport.handlers,
      onLink: (event) => driver.onLink(event),
      onFrame: (from, _channel, frame) =>
        driver.onControl(from, frame[0] as number, frame.subarray(1)),
      onBroadcast: (from, payload) => driver.onBroadcast(from, payload),
      onRequest: (from, _kind, payload) => driver.onRequest(from, payload),
    };
    return { nodeId, driver, counters, routes };
  }

  /** What a ping does. */
  function ping(from: Node, to: Node): void {
    to.driver.onPiggyback(from.nodeId, from.driver.piggyback());
  }

  async function outcomeOf(promise: Promise<string>): Promise<string> {
    return await Promise.race([promise, Promise.resolve("pending")]);
  }

  beforeEach(() => {
    clock = new FakeClock();
    network = new PeerNetwork(clock);
    members = new Set([a, b, c]);
  });

  it("exchanges everything when a link opens, and changes from then on", async () => {
    const [one, two] = [start(a), start(b)];
    for (let i = 0; i < 100_000; i += 1) one.driver.set(`topic/${i}`, 1);
    two.driver.set("x/#", 2);
    await settle(clock);
    expect(one.driver.isSynced(b)).toBe(false);
    network.link(a, b);
    await settle(clock);
    expect(one.driver.isSynced(b)).toBe(true);
    expect(two.driver.isSynced(a)).toBe(true);
    expect(two.routes.size).toBe(100_000);
    expect(one.routes).toEqual(new Map([["2 x/#", 2]]));
    one.driver.set("topic/0", 0);
    one.driver.set("topic/1", 5);
    await settle(clock);
    expect(two.routes.has("1 topic/0")).toBe(false);
    expect(two.routes.get("1 topic/1")).toBe(5);
    expect(one.driver.routesDigest()).toBe(two.driver.routesDigest());
    expect(one.driver.routesCount()).toBe(100_000);
    expect(two.driver.routesCount()).toBe(100_000);
  });

  it("is live when every linked peer has confirmed", async () => {
    const [one] = [start(a), start(b), start(c)];
    network.link(a, b);
    network.link(a, c);
    await settle(clock);
    one.driver.set("t", 1);
    const barrier = one.driver.barrier(250);
    expect(await outcomeOf(barrier)).toBe("pending");
    await settle(clock);
    expect(await outcomeOf(barrier)).toBe("live");
    expect(one.counters.get("route_barrier_timeouts")).toBe(0);
  });

  it("does not wait for peers that are down or have no link, and gives up on one that is silent", async () => {
    const [one] = [start(a), start(b), start(c)];
    expect(await one.driver.barrier(250)).toBe("live");
    network.link(a, b);
    network.link(a, c);
    await settle(clock);
    network.loses = (from) => from === c;
    one.driver.set("t", 1);
    const first = one.driver.barrier(250);
    await settle(clock);
    expect(await outcomeOf(first)).toBe("pending");
    clock.advance(250);
    expect(await outcomeOf(first)).toBe("timeout");
    expect(one.counters.get("route_barrier_timeouts")).toBe(1);
    one.driver.set("u", 1);
    const second = one.driver.barrier(250);
    await settle(clock);
    one.driver.onMemberState(c, "down");
    expect(await outcomeOf(second)).toBe("live");
    one.driver.onMemberState(c, "up");
    one.driver.set("v", 1);
    const third = one.driver.barrier(250);
    await settle(clock);
    expect(await outcomeOf(third)).toBe("pending");
    network.unlink(a, c);
    expect(await outcomeOf(third)).toBe("live");
  });

  it("does not wait for a node that has linked but does not take part yet", async () => {
    const one = start(a);
    network.add(b);
    network.link(a, b);
    await settle(clock);
    one.driver.set("t", 1);
    const alone = one.driver.barrier(250);
    await settle(clock);
    expect(await outcomeOf(alone)).toBe("live");
    const two = start(b);
    const hello = network.peers.get(a)?.hello();
    if (hello === undefined) throw new Error("no node");
    two.driver.onLink({ type: "up", nodeId: a, hello });
    ping(one, two);
    await settle(clock);
    expect(two.driver.isSynced(a)).toBe(true);
    network.loses = (from) => from === b;
    one.driver.set("u", 1);
    const together = one.driver.barrier(250);
    await settle(clock);
    expect(await outcomeOf(together)).toBe("pending");
  });

  it("repairs a lost delta by the next one, or by the next ping", async () => {
    const [one, two] = [start(a), start(b)];
    network.link(a, b);
    await settle(clock);
    const isDelta = (frame: Uint8Array): boolean => frame[0] === ControlKind.interestDelta;
    network.loses = (_from, _to, _channel, frame) => isDelta(frame);
    one.driver.set("lost", 1);
    await settle(clock);
    expect(two.routes.size).toBe(0);
    network.loses = () => false;
    one.driver.set("next", 1);
    await settle(clock);
    expect(two.routes.size).toBe(2);
    expect(two.counters.get("interest_deltas_gap")).toBeGreaterThan(0);
    network.loses = (_from, _to, _channel, frame) => isDelta(frame);
    one.driver.set("lost too", 1);
    const barrier = one.driver.barrier(250);
    await settle(clock);
    expect(await outcomeOf(barrier)).toBe("pending");
    ping(one, two);
    await settle(clock);
    expect(two.routes.size).toBe(3);
    expect(await outcomeOf(barrier)).toBe("live");
  });

  it("hears of a change by broadcast alone when the direct frame is lost", async () => {
    const [one, two] = [start(a), start(b)];
    network.link(a, b);
    await settle(clock);
    network.loses = (_from, _to, channel, frame) =>
      channel === Channel.control && frame[0] === ControlKind.interestDelta;
    one.driver.set("t", 1);
    const barrier = one.driver.barrier(250);
    await settle(clock);
    expect(two.routes.size).toBe(1);
    expect(await outcomeOf(barrier)).toBe("live");
  });

  it("keeps routes while a link is down, and swaps them after a restart of the origin", async () => {
    let one = start(a, 1);
    const two = start(b);
    network.link(a, b);
    one.driver.set("old", 1);
    await settle(clock);
    network.kill(a);
    expect([...two.routes.keys()]).toEqual(["1 old"]);
    expect(two.driver.isSynced(a)).toBe(false);
    one = start(a, 2);
    one.driver.set("new", 1);
    network.link(a, b);
    await settle(clock);
    expect([...two.routes.keys()]).toEqual(["1 new"]);
    expect(two.driver.routesDigest()).toBe(one.driver.routesDigest());
  });

  it("pulls again after a failed request, with a pause", async () => {
    const [one, two] = [start(a), start(b)];
    one.driver.set("t", 1);
    await settle(clock);
    const transport = network.peers.get(a);
    const answer = transport?.handlers.onRequest;
    if (transport === undefined || answer === undefined) throw new Error("no transport");
    transport.handlers = {
      ...transport.handlers,
      onRequest: () => Promise.reject(new Error("no")),
    };
    network.link(a, b);
    await pass(clock, 500);
    expect(two.driver.isSynced(a)).toBe(false);
    expect(two.counters.get("interest_pulls_failed")).toBeGreaterThan(2);
    expect(two.counters.get("interest_pulls_failed")).toBeLessThan(20);
    transport.handlers = { ...transport.handlers, onRequest: answer };
    await pass(clock, 1000);
    expect(two.driver.isSynced(a)).toBe(true);
    expect(two.routes.size).toBe(1);
  });

  it("loads a table again whose digest is wrong", async () => {
    const [one, two] = [start(a), start(b)];
    network.link(a, b);
    one.driver.set("right", 1);
    await settle(clock);
    // A writer that lies about its content, at the same seq.
    const position = Buffer.from(one.driver.piggyback());
    position[position.length - 1] = (position.at(-1) ?? 0) ^ 1;
    two.driver.onPiggyback(a, position);
    two.driver.onPiggyback(a, position);
    await settle(clock);
    expect(two.counters.get("interest_digest_mismatches")).toBe(1);
    expect([...two.routes.keys()]).toEqual(["1 right"]);
    expect(two.counters.get("interest_pulls")).toBeGreaterThan(1);
  });

  it("forgets a removed node for good: late gossip does not bring it back", async () => {
    const [one, two] = [start(a), start(b)];
    network.link(a, b);
    one.driver.set("t", 1);
    await settle(clock);
    members.delete(a);
    two.driver.forget(a, 1);
    expect(two.routes.size).toBe(0);
    one.driver.set("u", 1);
    await settle(clock);
    ping(one, two);
    network.unlink(a, b);
    network.link(a, b);
    await settle(clock);
    expect(two.routes.size).toBe(0);
    expect(two.driver.isSynced(a)).toBe(false);
    // The barrier of the node that removed it does not wait for it either.
    two.driver.set("v", 1);
    expect(await two.driver.barrier(250)).toBe("live");
  });

  it("keeps nothing of a stranger whose link is gone", async () => {
    members.delete(a);
    const [one, two] = [start(a), start(b)];
    one.driver.set("t", 1);
    network.link(a, b);
    await settle(clock);
    expect(two.routes.size).toBe(1);
    expect(two.driver.routesCount()).toBe(0);
    network.unlink(a, b);
    expect(two.routes.size).toBe(0);
    expect(two.driver.gauges().get("interest_known_nodes")).toBe(0);
  });

  it("counts what it refuses, and survives any bytes", async () => {
    const one = start(a);
    start(b);
    network.link(a, b);
    await settle(clock);
    expect(one.driver.set("x".repeat(70_000), 1)).toBe(false);
    expect(one.counters.get("interest_rejected_invalid")).toBe(1);
    for (const kind of [3, 4, 8]) one.driver.onControl(b, kind, Buffer.from([1, 2, 3]));
    one.driver.onBroadcast(b, Buffer.from([3, 9]));
    one.driver.onBroadcast(b, Buffer.alloc(0));
    expect(one.counters.get("interest_frames_malformed")).toBe(4);
    await expect(one.driver.onRequest(b, Buffer.from([7]))).rejects.toThrow();
    one.driver.stop();
    expect(await one.driver.barrier(10)).toBe("timeout");
  });

  it("tells a handler that comes late all it knows", async () => {
    const [one, two] = [start(a), start(b)];
    network.link(a, b);
    one.driver.set("t", 3);
    await settle(clock);
    const heard: unknown[] = [];
    two.driver.setHandler({
      changed: (from, changes) => heard.push([from, changes]),
      cleared: () => {},
    });
    expect(heard).toEqual([[a, [{ key: "t", weight: 3 }]]]);
  });
});
