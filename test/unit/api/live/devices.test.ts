import { describe, expect, test } from "vitest";
import { defaultLiveLimits } from "../../../../src/api/live/limits.ts";
import { LiveRig } from "../../../support/live-rig.ts";

interface Batch {
  readonly type: string;
  readonly reset?: boolean;
  readonly changes: { id: string; isDeleted?: boolean; version: number }[];
  readonly resume?: string;
}

const all = { subscribe: { devices: true } };

function idsOf(batches: readonly object[]): string[][] {
  return (batches as Batch[]).map(({ changes }) => changes.map(({ id }) => id));
}

function lastToken(batches: readonly object[]): string {
  return (batches as Batch[]).findLast(({ resume }) => resume !== undefined)?.resume ?? "";
}

describe("a viewer of devices", () => {
  test("gets all of them, marked as a full set, then whole devices as they change", async () => {
    const rig = new LiveRig();
    rig.move("a", 1);
    const { line } = await rig.watch(all);
    rig.move("a", 2);
    rig.clock.advance(100);
    const [full, change] = line.sent as unknown as Batch[];
    expect(full).toMatchObject({ type: "devices", reset: true, resume: "c0ffee.1" });
    expect(change).toMatchObject({
      type: "devices",
      changes: [
        {
          id: "a",
          version: 2,
          updatedAtMs: 1000,
          attributes: {
            coordinates: { value: { x: 2, y: 0 }, version: 2, timeMs: 1000, source: "robot" },
          },
        },
      ],
      resume: "c0ffee.2",
    });
  });

  test("is told of one that is gone", async () => {
    const rig = new LiveRig();
    rig.move("a", 1);
    const { line } = await rig.watch(all);
    line.take();
    rig.node.devices.delete("a");
    rig.clock.advance(100);
    expect(line.take()).toMatchObject([{ changes: [{ id: "a", version: 2, isDeleted: true }] }]);
  });

  test("gets a large set in pages, each change of the meantime behind it, and a token only with the whole", async () => {
    const rig = new LiveRig({ devicesPerBatchMax: 2, sizeBytesPerTurnMax: 1 });
    for (const id of ["a", "b", "c", "d", "e"]) rig.move(id, 1);
    const { line, viewer } = rig.open();
    void viewer.follow({
      ...{ devices: "all", messages: [], cluster: false, stats: false },
      ...{ intervalMs: 100, resume: null },
    });
    rig.clock.advance(10);
    expect(idsOf(line.sent)).toEqual([["a", "b"]]);
    rig.move("a", 2);
    rig.clock.advance(100);
    expect(idsOf(line.sent)).toEqual([["a", "b"], ["c", "d"], ["e"], ["a"]]);
    const tokens = (line.sent as unknown as Batch[]).map(({ resume }) => resume);
    expect(tokens).toEqual([undefined, undefined, "c0ffee.5", "c0ffee.6"]);
  });

  test("that comes back with its token gets only what changed since, deletions included", async () => {
    const rig = new LiveRig();
    for (const id of ["a", "b", "c"]) rig.move(id, 1);
    const { line } = await rig.watch(all);
    const resume = lastToken(line.sent);
    line.vanish();
    rig.move("b", 2);
    rig.move("b", 3);
    rig.node.devices.delete("c");
    const back = await rig.watch({ ...all, resume });
    expect(idsOf(back.line.sent)).toEqual([["b", "c"]]);
    expect(back.line.sent[0]).not.toHaveProperty("reset");
    const again = await rig.watch({ ...all, resume: lastToken(back.line.sent) });
    expect(again.line.sent).toEqual([]);
  });

  test("may show its token to another node, and one that is behind sends what it has not sent", async () => {
    const rig = new LiveRig();
    rig.move("a", 1);
    await rig.watch(all);
    const { line } = await rig.watch({ ...all, resume: "c0ffee.3" });
    rig.move("a", 2);
    rig.move("b", 1);
    rig.clock.advance(1000);
    expect(line.sent).toEqual([]);
    rig.move("a", 4);
    rig.clock.advance(1000);
    expect(idsOf(line.sent)).toEqual([["a"]]);
  });

  test.each(["badc0de.2", "c0ffee.x", "c0ffee.0", "", "2"])(
    "with the token %j, which is none of this cluster, gets the full set",
    async (resume) => {
      const rig = new LiveRig();
      rig.move("a", 1);
      rig.move("b", 1);
      const { line } = await rig.watch({ ...all, resume });
      expect(line.sent).toMatchObject([{ reset: true }]);
      expect(idsOf(line.sent)).toEqual([["a", "b"]]);
    },
  );

  test("gets the full set when more changed than is remembered", async () => {
    const rig = new LiveRig({ changesKeptMax: 2 });
    for (const id of ["a", "b", "c"]) rig.move(id, 1);
    const { line } = await rig.watch(all);
    line.bufferedSizeBytes = defaultLiveLimits.bufferedSizeBytesMax + 1;
    line.take();
    for (const id of ["a", "b", "c"]) rig.move(id, 2);
    rig.clock.advance(200);
    line.bufferedSizeBytes = 0;
    rig.clock.advance(200);
    expect(line.sent).toMatchObject([{ reset: true }]);
    expect(idsOf(line.sent)).toEqual([["a", "b", "c"]]);
  });

  test("gets the full set when the node has loaded another state, and again no less than that", async () => {
    const rig = new LiveRig();
    rig.move("a", 1);
    rig.move("gone", 1);
    const { line } = await rig.watch(all);
    line.take();
    rig.node.devices.replace(["a", "new"], 9);
    rig.clock.advance(200);
    expect(line.sent).toMatchObject([{ reset: true }]);
    expect(idsOf(line.take())).toEqual([["a", "new"]]);
    rig.node.devices.moveTo(20);
    rig.move("a", 2);
    rig.clock.advance(200);
    expect(idsOf(line.take()).flat()).toContain("a");
    rig.move("new", 2);
    rig.clock.advance(200);
    expect(idsOf(line.take())).toEqual([["new"]]);
  });

  test("changes its mind: what it keeps goes on where it is, another set begins anew", async () => {
    const rig = new LiveRig();
    rig.move("a", 1);
    rig.move("b", 1);
    const { line, viewer } = await rig.watch(all);
    line.take();
    await rig.say(viewer, { ...all, intervalMs: 500 });
    expect(line.take()).toEqual([]);
    rig.move("a", 2);
    rig.clock.advance(500);
    expect(idsOf(line.take())).toEqual([["a"]]);
    await rig.say(viewer, { subscribe: { devices: { ids: ["b"] } } });
    expect(idsOf(line.take())).toEqual([["b"]]);
    await rig.say(viewer, { subscribe: {} });
    rig.move("b", 2);
    rig.clock.advance(1000);
    expect(line.take()).toEqual([]);
  });
});
