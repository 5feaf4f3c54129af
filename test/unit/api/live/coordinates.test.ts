import { describe, expect, test } from "vitest";
import { defaultLiveLimits } from "../../../../src/api/live/limits.ts";
import type { FakeLine } from "../../../support/fake-line.ts";
import { LiveRig } from "../../../support/live-rig.ts";

function valuesOf(line: FakeLine): number[][] {
  const batches = line.sent as unknown as { x: number }[][];
  return batches.map((batch) => batch.map(({ x }) => x));
}

describe("a viewer of /coordinates", () => {
  test("first gets all devices, an empty set included", () => {
    const rig = new LiveRig();
    expect(valuesOf(rig.watchCoordinates())).toEqual([[]]);
    rig.move("a", 1);
    rig.move("b", 2);
    expect(valuesOf(rig.watchCoordinates())).toEqual([[1, 2]]);
  });

  test("gets changes in batches, at most one in its interval, the latest value of each device", () => {
    const rig = new LiveRig();
    const line = rig.watchCoordinates();
    rig.move("a", 1);
    rig.clock.advance(0);
    expect(valuesOf(line)).toEqual([[], [1]]);
    rig.move("a", 2);
    rig.move("a", 3);
    rig.move("b", 4);
    rig.clock.advance(999);
    expect(line.sent).toHaveLength(2);
    rig.clock.advance(1);
    expect(valuesOf(line)).toEqual([[], [1], [3, 4]]);
    rig.clock.advance(10_000);
    expect(line.sent).toHaveLength(3);
  });

  test("with another interval has its own pace", () => {
    const rig = new LiveRig();
    const slow = rig.watchCoordinates();
    const fast = rig.watchCoordinates("all", 50);
    for (let x = 0; x < 20; x++) {
      rig.move("a", x);
      rig.clock.advance(50);
    }
    expect(slow.sent.length).toBeLessThan(4);
    expect(fast.sent.length).toBeGreaterThan(18);
  });

  test("gets only the devices that it named", () => {
    const rig = new LiveRig();
    rig.move("a", 1);
    rig.move("b", 2);
    const line = rig.watchCoordinates(["b", "c"]);
    expect(valuesOf(line)).toEqual([[2]]);
    rig.move("a", 3);
    rig.move("c", 4);
    rig.clock.advance(1000);
    expect(valuesOf(line)).toEqual([[2], [4]]);
  });

  test("that reads too slowly misses batches, and then gets what is newest of all that changed", () => {
    const rig = new LiveRig();
    rig.move("a", 1);
    rig.move("b", 2);
    const line = rig.watchCoordinates();
    const other = rig.watchCoordinates();
    line.bufferedSizeBytes = defaultLiveLimits.bufferedSizeBytesMax + 1;
    for (let x = 3; x < 1000; x++) {
      rig.move("a", x);
      rig.clock.advance(10);
    }
    expect(valuesOf(line)).toEqual([[1, 2]]);
    expect(other.sent.length).toBeGreaterThan(9);
    line.bufferedSizeBytes = 0;
    rig.clock.advance(1000);
    expect(valuesOf(line)).toEqual([[1, 2], [999]]);
    expect(rig.feeds.counters.get("viewerBatchesSkipped")).toBeGreaterThan(0);
  });

  test("shares each text with all who want the same, so that a stalled one costs nothing", () => {
    const rig = new LiveRig();
    const first = rig.watchCoordinates();
    const second = rig.watchCoordinates();
    rig.move("a", 1);
    rig.clock.advance(1000);
    expect(first.packets.at(-1)).toBe(second.packets.at(-1));
    expect(first.packets.at(-1)?.webSocketText).toBe(second.packets.at(-1)?.webSocketText);
  });

  test("beyond the bound is refused", () => {
    const rig = new LiveRig({ viewersMax: 1 });
    rig.watchCoordinates();
    const { line, isIn } = rig.open();
    expect([isIn, line.events]).toEqual([false, ["close 1013"]]);
    expect(rig.feeds.audience.size).toBe(1);
    expect(rig.feeds.counters.get("viewersRefused")).toBe(1);
  });

  test("that does not answer a ping is cut off", () => {
    const rig = new LiveRig();
    const alive = rig.watchCoordinates();
    const lost = rig.watchCoordinates();
    rig.clock.advance(defaultLiveLimits.pingMs);
    alive.pong();
    rig.clock.advance(defaultLiveLimits.pingMs);
    expect(lost.events).toEqual(["ping", "terminate"]);
    expect(alive.events).toEqual(["ping", "ping"]);
    expect(rig.feeds.audience.size).toBe(1);
    expect(rig.feeds.counters.get("viewersLost")).toBe(1);
  });

  test("that leaves is forgotten, and stopped feeds listen no more", () => {
    const rig = new LiveRig();
    rig.watchCoordinates().vanish();
    expect(rig.feeds.audience.size).toBe(0);
    const last = rig.watchCoordinates();
    rig.feeds.stop();
    expect(last.events).toEqual(["close 1001"]);
    expect(rig.node.devices.listenerCount).toBe(0);
    expect(rig.open().line.events).toEqual(["close 1001"]);
  });
});
