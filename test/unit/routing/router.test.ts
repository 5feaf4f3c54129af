import { describe, expect, it } from "vitest";
import { Router } from "../../../src/routing/router.ts";
import { subscription, TestTarget } from "../../support/routing-model.ts";

const n1 = "1".repeat(32);
const n2 = "2".repeat(32);
const n3 = "3".repeat(32);

function createRouter(): Router<TestTarget> {
  return new Router<TestTarget>(n1);
}

/** Client identifiers in order of delivery. */
function receivers(router: Router<TestTarget>, topic: string, publisherId = "p"): string[] {
  return router.route(topic, publisherId, false).local.map(({ target }) => target.clientId);
}

describe("ordinary subscriptions", () => {
  it("become one interest per filter, at its first and last subscriber", () => {
    const router = createRouter();
    const [a, b] = [new TestTarget("a"), new TestTarget("b")];
    expect(router.subscribe(a, subscription("t/+"))).toEqual({ key: "t/+", weight: 1 });
    expect(router.subscribe(b, subscription("t/+"))).toBeNull();
    expect(router.subscribe(a, subscription("t/+", { qos: 2 }))).toBeNull();
    expect(router.subscriptionCount).toBe(2);
    expect(router.unsubscribe(a, "t/+")).toBeNull();
    expect(router.unsubscribe(a, "t/+")).toBeNull();
    expect(router.unsubscribe(b, "t/+")).toEqual({ key: "t/+", weight: 0 });
    expect(router.subscriptionCount).toBe(0);
    expect(router.filterCount).toBe(0);
  });

  it("of one session that overlap make one delivery: highest QoS, all identifiers", () => {
    const router = createRouter();
    const a = new TestTarget("a");
    router.subscribe(a, subscription("t/1", { qos: 1, identifier: 7 }));
    router.subscribe(a, subscription("t/+", { qos: 2, retainAsPublished: true }));
    router.subscribe(a, subscription("#", { identifier: 9 }));
    const { local } = router.route("t/1", "p", true);
    expect(local).toHaveLength(1);
    expect(local[0]!.options.qos).toBe(2);
    expect(local[0]!.options.retain).toBe(true);
    expect([...local[0]!.options.identifiers].sort()).toEqual([7, 9]);
    expect(router.route("t/1", "p", false).local[0]!.options.retain).toBe(false);
  });

  it("with No Local keep a message from its publisher only, as far as they go", () => {
    const router = createRouter();
    const [a, b] = [new TestTarget("a"), new TestTarget("b")];
    router.subscribe(a, subscription("t", { noLocal: true, qos: 2 }));
    router.subscribe(b, subscription("t"));
    for (let round = 0; round < 2; round++) {
      expect(receivers(router, "t", "a")).toEqual(["b"]);
      expect(receivers(router, "t", "b")).toEqual(["a", "b"]);
    }
    router.subscribe(a, subscription("+", { qos: 1 }));
    const own = router.route("t", "a", false).local.find(({ target }) => target === a);
    expect(own?.options.qos).toBe(1);
  });

  it("are seen by the next message although the route was cached", () => {
    const router = createRouter();
    const [a, b] = [new TestTarget("a"), new TestTarget("b")];
    expect(receivers(router, "t/1")).toEqual([]);
    router.subscribe(a, subscription("t/1"));
    expect(receivers(router, "t/1")).toEqual(["a"]);
    router.subscribe(b, subscription("t/#"));
    expect(receivers(router, "t/1").sort()).toEqual(["a", "b"]);
    router.unsubscribe(a, "t/1");
    expect(receivers(router, "t/1")).toEqual(["b"]);
    router.setRemoteInterest(n2, "t/1", 1);
    expect(router.route("t/1", "p", false).remote).toEqual([
      { nodeId: n2, shares: [], isPlain: true },
    ]);
    router.clearRemoteInterest(n2);
    expect(router.route("t/1", "p", false).remote).toEqual([]);
  });

  it("share one route between messages of a topic", () => {
    const router = createRouter();
    router.subscribe(new TestTarget("a"), subscription("t/+"));
    expect(router.route("t/1", "p", false)).toBe(router.route("t/1", "q", false));
    expect(router.route("t/1", "p", false).local).toBe(router.route("t/2", "p", false).local);
  });

  it("refuse what is no filter, with a reason", () => {
    const router = createRouter();
    for (const filter of ["", "a/#/b", "a+", "$share/g", "$share//t"]) {
      expect(() => router.subscribe(new TestTarget("a"), subscription(filter))).toThrow(RangeError);
    }
  });
});

describe("other nodes", () => {
  it("get one delivery however many of their filters match, also while suspended", () => {
    const router = createRouter();
    router.setRemoteInterest(n2, "t/#", 1);
    router.setRemoteInterest(n2, "t/1", 1);
    router.setRemoteInterest(n3, "+/1", 1);
    router.setSuspended(n2, true);
    const { remote } = router.route("t/1", "p", false);
    expect(remote.map(({ nodeId }) => nodeId).sort()).toEqual([n2, n3]);
  });

  it("cannot harm the router with keys that are no filters", () => {
    const router = createRouter();
    for (const key of ["", "#/a", "$share", "$share/", "$share/g/", "$share/+/t", "a\0b"]) {
      router.setRemoteInterest(n2, key, 1);
      router.setRemoteInterest(n2, key, 0);
    }
    router.setRemoteInterest(n2, "t", Number.NaN);
    router.setRemoteInterest(n1, "t", 1);
    expect(router.metrics().get("routing_remote_keys_refused")).toBe(7);
    expect(router.filterCount).toBe(0);
    expect(router.route("t", "p", false).remote).toEqual([]);
  });

  it("may set only a bounded number of keys", () => {
    const router = new Router<TestTarget>(n1, { remoteKeysMax: 2 });
    for (const key of ["a", "b", "c", "a"]) {
      router.setRemoteInterest(n2, key, 1);
    }
    expect(router.metrics().get("routing_remote_keys_refused")).toBe(1);
    router.setRemoteInterest(n2, "a", 0);
    router.setRemoteInterest(n2, "c", 1);
    expect(router.route("c", "p", false).remote).toHaveLength(1);
  });

  it("forward messages that go to local sessions only", () => {
    const router = createRouter();
    const a = new TestTarget("a");
    router.subscribe(a, subscription("t", { qos: 1 }));
    router.setRemoteInterest(n2, "t", 1);
    expect(router.routeForwarded("t", "p", false, true, [])).toHaveLength(1);
    expect(router.routeForwarded("t", "p", false, false, [])).toEqual([]);
  });
});
