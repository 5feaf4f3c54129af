import { describe, expect, it } from "vitest";
import { Router } from "../../../src/routing/router.ts";
import type { ShareStrategy } from "../../../src/routing/share-strategy.ts";
import { subscription, TestTarget } from "../../support/routing-model.ts";

const nodeIds = ["1", "2", "3"].map((digit) => digit.repeat(32)) as [string, string, string];
const share = "$share/g/+";

/** The routers of several nodes, each of which knows how many members the others have. */
class Flock {
  readonly routers: Router<TestTarget>[];
  readonly targets: TestTarget[][];

  constructor(shareStrategy: ShareStrategy, ...memberCounts: readonly number[]) {
    this.routers = memberCounts.map((_, at) => new Router(nodeIds[at]!, { shareStrategy }));
    this.targets = memberCounts.map(() => []);
    memberCounts.forEach((count, at) => {
      for (let member = 0; member < count; member++) this.add(at);
    });
  }

  add(at: number): TestTarget {
    const target = new TestTarget(`c${at}-${this.targets[at]!.length}`);
    this.targets[at]!.push(target);
    this.#tell(at, this.routers[at]!.subscribe(target, subscription(share, { qos: 1 })));
    return target;
  }

  remove(at: number, target: TestTarget): void {
    this.#tell(at, this.routers[at]!.unsubscribe(target, share));
  }

  /** Who gets a message that comes in at a node, wherever that one is connected. */
  publish(at: number, topic: string): string {
    const { local, remote } = this.routers[at]!.route(topic, "p", false);
    expect(local.length + remote.length).toBe(1);
    if (local.length === 1) return local[0]!.target.clientId;
    const [{ nodeId, shares } = { nodeId: "", shares: [] }] = remote;
    const other = this.routers[nodeIds.indexOf(nodeId)]!;
    return other.routeForwarded(topic, "p", false, false, shares)[0]!.target.clientId;
  }

  counts(at: number, topics: readonly string[]): Map<string, number> {
    const result = new Map<string, number>();
    for (const topic of topics) {
      const clientId = this.publish(at, topic);
      result.set(clientId, (result.get(clientId) ?? 0) + 1);
    }
    return result;
  }

  #tell(at: number, update: { readonly key: string; readonly weight: number } | null): void {
    if (update === null) return;
    this.routers.forEach((router, other) => {
      if (other !== at) router.setRemoteInterest(nodeIds[at]!, update.key, update.weight);
    });
  }
}

function topics(count: number): string[] {
  return Array.from({ length: count }, (_, at) => `t${at}`);
}

const oneTopic = Array<string>(60).fill("t");

describe("round-robin", () => {
  it("serves every member of the cluster alike, at whichever nodes they and the publishers are", () => {
    const flock = new Flock("round-robin", 1, 2, 3);
    for (const at of [0, 1, 2]) {
      expect([...flock.counts(at, oneTopic).values()]).toEqual(Array(6).fill(10));
    }
  });

  it("gives a member that does not read nothing while others do", () => {
    const flock = new Flock("round-robin", 3);
    flock.targets[0]![1]!.isAvailable = false;
    expect([...flock.counts(0, oneTopic)]).toEqual([
      ["c0-0", 30],
      ["c0-2", 30],
    ]);
  });
});

describe("sticky", () => {
  it("keeps to one member of the cluster, whoever else comes", () => {
    const flock = new Flock("sticky", 2, 2, 2);
    const [clientId] = flock.counts(0, oneTopic).keys();
    for (const at of [0, 1, 2]) flock.add(at);
    expect([...flock.counts(0, oneTopic)]).toEqual([[clientId, 60]]);
  });

  it("is of one mind on nodes that know the same members", () => {
    const flock = new Flock("sticky", 1, 1, 1);
    const chosen = [0, 1, 2].map((at) => flock.publish(at, "t"));
    expect(new Set(chosen).size).toBe(1);
  });

  it("moves on when its member goes or does not read, and stays there", () => {
    const flock = new Flock("sticky", 3);
    const [a, b, c] = flock.targets[0]!;
    expect(flock.publish(0, "t")).toBe(a!.clientId);
    a!.isAvailable = false;
    expect(flock.publish(0, "t")).toBe(b!.clientId);
    a!.isAvailable = true;
    expect([...flock.counts(0, oneTopic).keys()]).toEqual([b!.clientId]);
    flock.remove(0, b!);
    const next = flock.publish(0, "t");
    expect([a!.clientId, c!.clientId]).toContain(next);
    expect([...flock.counts(0, oneTopic).keys()]).toEqual([next]);
  });

  it("leaves a node that is gone or suspended", () => {
    const flock = new Flock("sticky", 0, 1, 1);
    const first = flock.publish(0, "t");
    const at = first === "c1-0" ? 1 : 2;
    flock.routers[0]!.setSuspended(nodeIds[at]!, true);
    const second = flock.publish(0, "t");
    expect(second).not.toBe(first);
    flock.routers[0]!.setSuspended(nodeIds[at]!, false);
    expect(flock.publish(0, "t")).toBe(second);
    flock.remove(3 - at, flock.targets[3 - at]![0]!);
    expect(flock.publish(0, "t")).toBe(first);
  });
});

describe("hash-topic", () => {
  it("gives all messages of a topic to one member, wherever they come in", () => {
    const flock = new Flock("hash-topic", 1, 2, 3);
    for (const topic of topics(50)) {
      const chosen = [0, 1, 2].flatMap((at) => [
        flock.publish(at, topic),
        flock.publish(at, topic),
      ]);
      expect(new Set(chosen).size).toBe(1);
    }
  });

  it("spreads the topics over all members", () => {
    const flock = new Flock("hash-topic", 1, 2, 3);
    const counts = [...flock.counts(0, topics(6000)).values()];
    expect(counts).toHaveLength(6);
    // Of 1,000 each, with a standard deviation of 29.
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });

  it("moves only the topics of a member that goes", () => {
    const flock = new Flock("hash-topic", 4);
    const before = new Map(topics(400).map((topic) => [topic, flock.publish(0, topic)]));
    const gone = flock.targets[0]![1]!;
    flock.remove(0, gone);
    for (const [topic, clientId] of before) {
      if (clientId === gone.clientId) expect(flock.publish(0, topic)).not.toBe(clientId);
      else expect(flock.publish(0, topic)).toBe(clientId);
    }
  });

  it("goes to another one while its member does not read, and to that one when nobody does", () => {
    const flock = new Flock("hash-topic", 3);
    const first = flock.publish(0, "t");
    const target = flock.targets[0]!.find(({ clientId }) => clientId === first)!;
    target.isAvailable = false;
    expect(flock.publish(0, "t")).not.toBe(first);
    for (const other of flock.targets[0]!) other.isAvailable = false;
    expect(flock.publish(0, "t")).toBe(first);
  });
});

describe("local-first", () => {
  it("keeps messages with the members of the publisher's node, in turn", () => {
    const flock = new Flock("local-first", 2, 5);
    expect([...flock.counts(0, oneTopic)]).toEqual([
      ["c0-0", 30],
      ["c0-1", 30],
    ]);
  });

  it("serves those of other nodes alike while it has none that reads", () => {
    const flock = new Flock("local-first", 1, 1, 2);
    flock.targets[0]![0]!.isAvailable = false;
    expect(Object.fromEntries(flock.counts(0, oneTopic))).toEqual({
      "c1-0": 20,
      "c2-0": 20,
      "c2-1": 20,
    });
  });
});
