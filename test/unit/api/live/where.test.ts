import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { defaultLiveLimits } from "../../../../src/api/live/limits.ts";
import type { FakeLine } from "../../../support/fake-line.ts";
import { LiveRig } from "../../../support/live-rig.ts";

interface Change {
  readonly id: string;
  readonly isDeleted?: boolean;
  readonly hasLeft?: boolean;
}

interface Batch {
  readonly reset?: boolean;
  readonly changes: readonly Change[];
  readonly resume?: string;
}

const low = { subscribe: { devices: { where: "battery < 20" } } };

function charge(rig: LiveRig, id: string, battery: number): void {
  rig.node.devices.set(id, "battery", battery);
}

/** Such as "+a", "left a", "deleted a"; a full set begins with "reset". */
function wordsOf(line: FakeLine): string[] {
  return (line.take() as unknown as Batch[]).flatMap(({ reset, changes }) => [
    ...(reset ? ["reset"] : []),
    ...changes.map(({ id, isDeleted, hasLeft }) =>
      isDeleted ? `deleted ${id}` : hasLeft ? `left ${id}` : `+${id}`,
    ),
  ]);
}

describe("a viewer of the devices that an expression is true for", () => {
  test("gets those first, then each that comes, changes, leaves or is deleted, and nothing of others", async () => {
    const rig = new LiveRig();
    charge(rig, "a", 10);
    charge(rig, "b", 50);
    charge(rig, "c", 15);
    const { line } = await rig.watch(low);
    expect(wordsOf(line)).toEqual(["reset", "+a", "+c"]);
    charge(rig, "b", 19);
    rig.clock.advance(200);
    expect(wordsOf(line)).toEqual(["+b"]);
    charge(rig, "a", 9);
    charge(rig, "b", 30);
    rig.clock.advance(200);
    expect(wordsOf(line)).toEqual(["+a", "left b"]);
    charge(rig, "b", 40);
    charge(rig, "d", 99);
    rig.node.devices.delete("d");
    rig.clock.advance(200);
    expect(wordsOf(line)).toEqual([]);
    rig.node.devices.delete("c");
    rig.clock.advance(200);
    expect(wordsOf(line)).toEqual(["deleted c"]);
  });

  test("that comes back with its token hears of all that left or came meanwhile, on a node that never saw the expression", async () => {
    const rig = new LiveRig();
    for (const id of ["a", "b", "c", "d"]) charge(rig, id, 10);
    const first = await rig.watch({ subscribe: { devices: true } });
    const { resume } = (first.line.sent as unknown as Batch[]).at(-1)!;
    charge(rig, "b", 90);
    rig.node.devices.delete("c");
    charge(rig, "d", 11);
    const { line } = await rig.watch({ ...low, resume });
    expect(wordsOf(line)).toEqual(["left b", "deleted c", "+d"]);
    charge(rig, "b", 91);
    rig.clock.advance(200);
    expect(wordsOf(line)).toEqual([]);
  });

  test("gets the full set again when the node has loaded another state", async () => {
    const rig = new LiveRig();
    charge(rig, "a", 10);
    charge(rig, "gone", 10);
    const { line } = await rig.watch(low);
    line.take();
    rig.node.devices.replace([], 9);
    rig.node.devices.moveTo(20);
    charge(rig, "a", 5);
    rig.clock.advance(200);
    await rig.settle();
    expect(wordsOf(line)).toEqual(["reset", "+a"]);
  });

  test("shares the work: a changed device is judged once for all who want the same, whatever their interval", async () => {
    const rig = new LiveRig();
    for (let at = 0; at < 10; at++) charge(rig, `d${at}`, at * 10);
    const viewers = await Promise.all(
      [50, 100, 1000].map((intervalMs) => rig.watch({ ...low, intervalMs })),
    );
    const judged = (): number => rig.feeds.counters.get("viewerConditionsJudged");
    expect(judged()).toBe(10);
    charge(rig, "d0", 1);
    charge(rig, "d0", 2);
    rig.clock.advance(1000);
    expect(judged()).toBe(11);
    for (const { line } of viewers) expect(wordsOf(line)).toEqual(["reset", "+d0", "+d1", "+d0"]);
    for (const { line } of viewers) line.vanish();
    charge(rig, "d0", 3);
    rig.clock.advance(1000);
    expect(judged()).toBe(11);
  });

  test("waits while a large set is judged in parts, and misses nothing that changes meanwhile", async () => {
    const rig = new LiveRig({ matchesPerTurnMax: 3, devicesPerBatchMax: 2 });
    for (let at = 0; at < 10; at++) charge(rig, `d${at}`, 10);
    const { line, viewer } = rig.open();
    void rig.say(viewer, low);
    rig.clock.advance(0);
    charge(rig, "d0", 90);
    charge(rig, "d9", 90);
    rig.clock.advance(1000);
    await rig.settle();
    const rest = "12345678".split("").map((at) => `+d${at}`);
    // It matched when it was looked at first, and nobody knows what each viewer was told of it.
    expect(wordsOf(line)).toEqual(["reset", ...rest, "left d0"]);
  });

  test("is one expression too many for the node: refused, and what it had goes on", async () => {
    const rig = new LiveRig({ conditionsMax: 1 });
    charge(rig, "a", 10);
    const { viewer, line } = await rig.watch(low);
    line.take();
    const other = { subscribe: { devices: { where: "battery > 20" }, stats: true } };
    await expect(rig.say(viewer, other)).rejects.toThrow("1 different expressions");
    expect(rig.feeds.counters.get("viewerConditionsRefused")).toBe(1);
    charge(rig, "a", 11);
    rig.clock.advance(200);
    expect(wordsOf(line)).toEqual(["+a"]);
    await rig.say(viewer, { subscribe: {} });
    await rig.say(viewer, other);
    expect(line.sent).toMatchObject([{ type: "stats" }, { reset: true, changes: [] }]);
  });

  test("that reads too slowly ends with what is true, whatever happened meanwhile", async () => {
    const step = fc.record({
      id: fc.integer({ min: 0, max: 5 }),
      battery: fc.option(fc.integer({ min: 10, max: 30 }), { nil: null }),
      isBehind: fc.boolean(),
      waitMs: fc.integer({ min: 0, max: 150 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const rig = new LiveRig({ matchesPerTurnMax: 2, devicesPerBatchMax: 2 });
        const { line } = await rig.watch(low);
        for (const { id, battery, isBehind, waitMs } of steps) {
          line.bufferedSizeBytes = isBehind ? defaultLiveLimits.bufferedSizeBytesMax + 1 : 0;
          if (battery !== null) charge(rig, `d${id}`, battery);
          else if (rig.node.devices.get(`d${id}`) !== null) rig.node.devices.delete(`d${id}`);
          rig.clock.advance(waitMs);
        }
        line.bufferedSizeBytes = 0;
        rig.clock.advance(1000);
        const shown = new Set<string>();
        for (const { reset, changes } of line.sent as unknown as Batch[]) {
          if (reset) shown.clear();
          for (const { id, isDeleted, hasLeft } of changes) {
            if (isDeleted || hasLeft) shown.delete(id);
            else shown.add(id);
          }
        }
        const wanted = rig.node.devices
          .list("", 100)
          .filter(({ attributes }) => Number(attributes.get("battery")?.value) < 20);
        expect([...shown].sort()).toEqual(wanted.map(({ id }) => id));
      }),
      { numRuns: 50 },
    );
  });
});

describe("a viewer of /coordinates with gone=true", () => {
  test("hears of devices that have no position any more, and of where the full set begins and ends", () => {
    const rig = new LiveRig();
    rig.move("a", 1);
    charge(rig, "sensor", 5);
    const line = rig.watchCoordinates("all", 100, true);
    rig.clock.advance(100);
    expect(line.take()).toMatchObject([
      [{ isReset: true }, { deviceId: "a", x: 1 }, { isComplete: true }],
    ]);
    charge(rig, "sensor", 6);
    rig.move("b", 2);
    rig.clock.advance(200);
    expect(line.take()).toMatchObject([[{ deviceId: "b", x: 2 }]]);
    rig.node.devices.delete("a");
    rig.node.devices.delete("sensor");
    rig.clock.advance(200);
    expect(line.take()).toEqual([[{ deviceId: "a", isGone: true }]]);
  });
});
