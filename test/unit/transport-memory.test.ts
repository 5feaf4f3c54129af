import { beforeEach, describe, expect, test } from "vitest";
import { Channel } from "../../cluster/transport/transport.ts";
import { MemoryHarness } from "../support/memory-harness.ts";
import type { TestNode } from "../support/transport-harness.ts";

describe("faults of the simulated network", () => {
  let harness: MemoryHarness;
  let left: TestNode;
  let right: TestNode;

  beforeEach(async () => {
    harness = new MemoryHarness();
    left = await harness.start();
    right = await harness.start();
    await harness.settle(left.transport.dial(right.address, 5000));
  });

  function send(from: TestNode, to: TestNode, text: string): void {
    from.transport.send(to.id, Channel.raft, Buffer.from(text));
  }

  function texts(node: TestNode): string[] {
    return node.frames.map(({ frame }) => frame.toString());
  }

  test("a partition holds frames back, as TCP does, and they arrive when it heals", async () => {
    harness.network.split([left.id], [right.id]);
    send(left, right, "one");
    send(left, right, "two");
    await harness.quiesce();
    expect([texts(right), left.downs()]).toEqual([[], []]);
    harness.network.healAll();
    await harness.quiesce();
    expect(texts(right)).toEqual(["one", "two"]);
  });

  test("a one-way partition lets the other direction flow", async () => {
    harness.network.partition(left.id, right.id);
    send(left, right, "held");
    send(right, left, "flows");
    await harness.quiesce();
    expect([texts(left), texts(right)]).toEqual([["flows"], []]);
    harness.network.heal(left.id, right.id);
    expect(texts(right)).toEqual(["held"]);
  });

  test("a paused node hears and says nothing until it resumes", async () => {
    harness.network.pause(right.id);
    send(left, right, "in");
    send(right, left, "out");
    await harness.quiesce();
    expect([texts(left), texts(right)]).toEqual([[], []]);
    harness.network.resume(right.id);
    await harness.quiesce();
    expect([texts(left), texts(right)]).toEqual([["out"], ["in"]]);
  });

  test("a reset loses what is on its way and both ends see it", async () => {
    send(left, right, "lost");
    harness.clock.endTurns();
    harness.network.reset(left.id, right.id);
    await harness.quiesce();
    expect([left.downs(), right.downs(), texts(right)]).toEqual([["reset"], ["reset"], []]);
    await harness.settle(right.transport.dial(left.address, 5000));
    send(left, right, "again");
    await harness.quiesce();
    expect(texts(right)).toEqual(["again"]);
  });

  test("a crash behind a partition is noticed when that heals", async () => {
    harness.network.split([left.id], [right.id]);
    harness.network.crash(right.id);
    await harness.quiesce();
    expect([left.downs(), right.downs()]).toEqual([[], []]);
    harness.network.healAll();
    expect(left.downs()).toEqual(["reset"]);
    expect(right.transport.send(left.id, Channel.raft, new Uint8Array(1))).toBe("down");
  });

  test("a dial through a partition times out and leaves no half link behind", async () => {
    const third = await harness.start();
    harness.network.partition(third.id, left.id);
    const dial = left.transport.dial(third.address, 20);
    await expect(harness.settle(dial)).rejects.toMatchObject({ code: "timeout" });
    harness.network.healAll();
    await harness.quiesce();
    expect([left.transport.links(), third.transport.links()]).toEqual([[right.id], []]);
  });

  test("the same seed gives the same run", async () => {
    async function run(seed: number): Promise<string> {
      const other = new MemoryHarness(seed);
      const nodes = [await other.start(), await other.start(), await other.start()];
      const story: string[] = [];
      for (const from of nodes) {
        for (const to of nodes)
          if (from !== to) await other.settle(from.transport.dial(to.address, 100));
      }
      for (let index = 0; index < 20; index++) {
        for (const node of nodes) node.transport.broadcast(Buffer.from(`${index}`));
        other.clock.advance(0.3);
        story.push(nodes.map((node) => node.broadcasts.length).join());
      }
      return story.join(";");
    }
    expect(await run(7)).toBe(await run(7));
    expect(await run(7)).not.toBe(await run(8));
  });
});
