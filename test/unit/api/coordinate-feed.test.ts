import { describe, expect, test } from "vitest";
import {
  CoordinateFeed,
  defaultFeedLimits,
  type Viewer,
} from "../../../src/api/coordinate-feed.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeDevices } from "../../support/fake-node-port.ts";

class FakeViewer implements Viewer {
  bufferedAmount = 0;
  readyState = 1;
  readonly sent: { deviceId: string; x: number }[][] = [];
  readonly events: string[] = [];
  readonly #handlers = new Map<string, () => void>();

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  ping(): void {
    this.events.push("ping");
  }

  close(code: number): void {
    this.events.push(`close ${code}`);
  }

  terminate(): void {
    this.events.push("terminate");
  }

  on(event: string, handler: () => void): void {
    this.#handlers.set(event, handler);
  }

  emit(event: string): void {
    this.#handlers.get(event)?.();
  }

  get values(): number[][] {
    return this.sent.map((batch) => batch.map(({ x }) => x));
  }
}

function setUp(limits = defaultFeedLimits) {
  const clock = new FakeClock();
  const devices = new FakeDevices();
  const feed = new CoordinateFeed(devices, clock, limits);
  const move = (id: string, x: number) => devices.set(id, "coordinates", { x, y: 0 });
  const watch = () => {
    const viewer = new FakeViewer();
    feed.add(viewer);
    return viewer;
  };
  return { clock, devices, feed, move, watch };
}

describe("a viewer", () => {
  test("first gets all devices, an empty set included", () => {
    const { move, watch } = setUp();
    expect(watch().values).toEqual([[]]);
    move("a", 1);
    move("b", 2);
    expect(watch().values).toEqual([[1, 2]]);
  });

  test("gets changes in batches, at most one a second, the latest value of each device", () => {
    const { clock, move, watch } = setUp();
    const viewer = watch();
    move("a", 1);
    clock.advance(0);
    expect(viewer.values).toEqual([[], [1]]);
    move("a", 2);
    move("a", 3);
    move("b", 4);
    clock.advance(999);
    expect(viewer.sent).toHaveLength(2);
    clock.advance(1);
    expect(viewer.values).toEqual([[], [1], [3, 4]]);
    clock.advance(10_000);
    expect(viewer.sent).toHaveLength(3);
  });

  test("that reads too slowly misses batches and then gets the full set", () => {
    const { clock, feed, move, watch } = setUp();
    move("a", 1);
    const viewer = watch();
    viewer.bufferedAmount = defaultFeedLimits.bufferedSizeBytesMax + 1;
    move("b", 2);
    clock.advance(1000);
    move("a", 3);
    clock.advance(1000);
    expect(viewer.values).toEqual([[1]]);
    viewer.bufferedAmount = 0;
    clock.advance(1000);
    expect(viewer.values).toEqual([[1], [3, 2]]);
    expect(feed.counters.get("batchesSkipped")).toBeGreaterThan(0);
  });

  test("beyond the bound is refused", () => {
    const { feed, watch } = setUp({ ...defaultFeedLimits, viewersMax: 1 });
    watch();
    expect(watch().events).toEqual(["close 1013"]);
    expect(feed.viewerCount).toBe(1);
    expect(feed.counters.get("viewersRefused")).toBe(1);
  });

  test("that does not answer a ping is cut off", () => {
    const { clock, feed, watch } = setUp();
    const alive = watch();
    const lost = watch();
    clock.advance(defaultFeedLimits.pingMs);
    alive.emit("pong");
    clock.advance(defaultFeedLimits.pingMs);
    expect(lost.events).toEqual(["ping", "terminate"]);
    expect(alive.events).toEqual(["ping", "ping"]);
    expect(feed.viewerCount).toBe(1);
  });

  test("that leaves is forgotten, and a stopped feed listens no more", () => {
    const { devices, feed, watch } = setUp();
    watch().emit("close");
    expect(feed.viewerCount).toBe(0);
    const last = watch();
    feed.stop();
    expect(last.events).toEqual(["close 1001"]);
    expect(devices.listenerCount).toBe(0);
  });
});
