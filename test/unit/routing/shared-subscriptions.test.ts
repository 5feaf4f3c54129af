import { describe, expect, it } from "vitest";
import { Router } from "../../../src/routing/router.ts";
import { subscription, TestTarget } from "../../support/routing-model.ts";

const n1 = "1".repeat(32);
const n2 = "2".repeat(32);
const n3 = "3".repeat(32);
const share = "$share/g/t";

function withMembers(...clientIds: string[]): [Router<TestTarget>, TestTarget[]] {
  const router = new Router<TestTarget>(n1);
  const targets = clientIds.map((clientId) => new TestTarget(clientId));
  for (const target of targets) {
    router.subscribe(target, subscription(share, { qos: 1 }));
  }
  return [router, targets];
}

/** Who got each of `count` messages: a client identifier or a node. */
function chosen(router: Router<TestTarget>, count: number): string[] {
  return Array.from({ length: count }, () => {
    const { local, remote } = router.route("t", "p", false);
    expect(local.length + remote.length).toBe(1);
    return local[0]?.target.clientId ?? remote[0]!.nodeId;
  });
}

function counts(names: readonly string[]): Record<string, number> {
  const result: Record<string, number> = {};
  for (const name of names) {
    result[name] = (result[name] ?? 0) + 1;
  }
  return result;
}

describe("a shared subscription", () => {
  it("tells the other nodes how many members it has here", () => {
    const router = new Router<TestTarget>(n1);
    const [a, b] = [new TestTarget("a"), new TestTarget("b")];
    expect(router.subscribe(a, subscription(share))).toEqual({ key: share, weight: 1 });
    expect(router.subscribe(b, subscription(share))).toEqual({ key: share, weight: 2 });
    expect(router.subscribe(b, subscription(share, { qos: 2 }))).toBeNull();
    expect(router.sharedSubscriptionCount).toBe(2);
    expect(router.unsubscribe(a, share)).toEqual({ key: share, weight: 1 });
    expect(router.unsubscribe(b, share)).toEqual({ key: share, weight: 0 });
    expect(router.unsubscribe(b, share)).toBeNull();
    expect(router.route("t", "p", false)).toMatchObject({ local: [], remote: [] });
    expect(router.filterCount).toBe(0);
  });

  it("takes its local members in turn", () => {
    const [router] = withMembers("a", "b", "c");
    expect(chosen(router, 6)).toEqual(["a", "b", "c", "a", "b", "c"]);
  });

  it("still knows its members after others left", () => {
    const [router, targets] = withMembers("a", "b", "c", "d");
    for (const index of [0, 3, 1]) {
      expect(router.unsubscribe(targets[index]!, share)).not.toBeNull();
      expect(chosen(router, 12)).not.toContain(targets[index]!.clientId);
    }
    expect(chosen(router, 2)).toEqual(["c", "c"]);
  });

  it("serves all members of the cluster alike, wherever they are", () => {
    const [router] = withMembers("a", "b");
    router.setRemoteInterest(n2, share, 3);
    router.setRemoteInterest(n3, share, 1);
    expect(counts(chosen(router, 600))).toEqual({ a: 100, b: 100, [n2]: 300, [n3]: 100 });
    router.setRemoteInterest(n2, share, 1);
    const after = counts(chosen(router, 400));
    expect(Math.abs(after[n2]! - 100)).toBeLessThanOrEqual(3);
  });

  it("passes over unavailable members while another node can take the message", () => {
    const [router, [a, b]] = withMembers("a", "b");
    a!.isAvailable = false;
    expect(chosen(router, 3)).toEqual(["b", "b", "b"]);
    b!.isAvailable = false;
    router.setRemoteInterest(n2, share, 1);
    expect(chosen(router, 2)).toEqual([n2, n2]);
    router.setSuspended(n2, true);
    expect(counts(chosen(router, 4))).toEqual({ a: 2, b: 2 });
    router.setSuspended(n2, false);
    expect(chosen(router, 1)).toEqual([n2]);
  });

  it("passes over suspended nodes, but does not lose the message if there is nobody else", () => {
    const router = new Router<TestTarget>(n1);
    router.setRemoteInterest(n2, share, 1);
    router.setRemoteInterest(n3, share, 1);
    router.setSuspended(n2, true);
    expect(chosen(router, 3)).toEqual([n3, n3, n3]);
    router.setSuspended(n3, true);
    expect(chosen(router, 2).every((nodeId) => nodeId !== n1)).toBe(true);
  });

  it("is one of several: each group gets the message once, each node one delivery", () => {
    const [router, [a]] = withMembers("a");
    router.subscribe(a!, subscription("t"));
    router.setRemoteInterest(n2, "$share/x/t", 1);
    router.setRemoteInterest(n2, "$share/y/+", 2);
    router.setRemoteInterest(n2, "#", 1);
    const { local, remote } = router.route("t", "p", false);
    // The session gets it as an ordinary subscriber and as the member of the group (MQTT 5, 4.8.2).
    expect(local.map(({ target }) => target)).toEqual([a, a]);
    expect(remote).toHaveLength(1);
    expect(remote[0]).toMatchObject({ nodeId: n2, isPlain: true });
    expect([...remote[0]!.shares].sort()).toEqual(["$share/x/t", "$share/y/+"]);
    router.setRemoteInterest(n2, "#", 0);
    expect(router.route("t", "p", false).remote[0]).toMatchObject({ isPlain: false });
  });

  it("chooses its member again on the node a message was forwarded to", () => {
    const [router] = withMembers("a", "b");
    const next = (): string | undefined =>
      router.routeForwarded("t", "p", false, false, [share])[0]?.target.clientId;
    expect([next(), next(), next()]).toEqual(["a", "b", "a"]);
    expect(router.routeForwarded("t", "p", false, false, ["$share/gone/t"])).toEqual([]);
    expect(router.metrics().get("routing_shares_without_member")).toBe(1);
  });
});
