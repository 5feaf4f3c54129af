import { expect, test } from "vitest";
import { freshnessIndex, writtenAtMs } from "../../../src/dashboard/model/freshness.ts";
import {
  nextGlideMs,
  Swarm,
  swarmSizeMax,
  trailPointsMax,
} from "../../../src/dashboard/model/swarm.ts";

const wallMs = 1_790_000_000_000;

function at(deviceId: string, x: number, y: number, timestamp: unknown = wallMs + x) {
  return { deviceId, x, y, timestamp };
}

function fullSet(lines: readonly ReturnType<typeof at>[]) {
  return [{ isReset: true }, ...lines, { isComplete: true }];
}

test("a robot glides from where it is shown to where it was heard of, and stands there", () => {
  const swarm = new Swarm();
  swarm.take([at("r1", 0, 0)], 0, wallMs);
  swarm.take([at("r1", 10, 20)], 100, wallMs);
  expect(swarm.xAt(0, 100)).toBe(0);
  expect(swarm.xAt(0, 155)).toBeCloseTo(5);
  expect(swarm.yAt(0, 155)).toBeCloseTo(10);
  expect(swarm.xAt(0, 400)).toBe(10);
});

test("a word that comes early bends the way and does not make the robot jump", () => {
  const swarm = new Swarm();
  swarm.take([at("r1", 0, 0)], 0, wallMs);
  swarm.take([at("r1", 10, 0)], 100, wallMs);
  const shown = swarm.xAt(0, 130);
  swarm.take([at("r1", 30, 0)], 130, wallMs);
  expect(swarm.xAt(0, 130)).toBeCloseTo(shown);
  expect(swarm.xAt(0, 140)).toBeGreaterThan(shown);
});

test("for a viewer whom movement disturbs it is at once where it was heard of", () => {
  const swarm = new Swarm(false);
  swarm.take([at("r1", 0, 0)], 0, wallMs);
  swarm.take([at("r1", 10, 0)], 100, wallMs);
  expect(swarm.xAt(0, 100)).toBe(10);
});

test("after a long silence it is at once where it is", () => {
  const swarm = new Swarm();
  swarm.take([at("r1", 0, 0)], 0, wallMs);
  swarm.take([at("r1", 500, 0)], 60_000, wallMs);
  expect(swarm.xAt(0, 60_000)).toBe(500);
});

test("the same word once more is no news: after a reconnection nobody looks fresh who is not", () => {
  const swarm = new Swarm();
  swarm.take([at("r1", 1, 1)], 0, wallMs);
  swarm.take(fullSet([at("r1", 1, 1)]), 30_000, wallMs + 30_000);
  expect(swarm.ageMs(0, 30_000)).toBe(30_000);
  swarm.take([at("r1", 1, 1, "later")], 31_000, wallMs + 31_000);
  expect(swarm.ageMs(0, 31_000)).toBe(0);
});

test("what was there before the viewer came is as old as the device says, in seconds or milliseconds", () => {
  const swarm = new Swarm();
  const batch = [
    at("a", 0, 0, wallMs - 20_000),
    at("b", 0, 0, Math.floor(wallMs / 1000) - 20),
    at("c", 0, 0, 99),
  ];
  swarm.take(fullSet(batch), 1000, wallMs);
  expect(swarm.ageMs(0, 1000)).toBe(20_000);
  expect(swarm.ageMs(1, 1000)).toBeCloseTo(20_000, -3);
  expect(freshnessIndex(swarm.ageMs(2, 1000))).toBe(3);
  expect(writtenAtMs(wallMs + 1000, wallMs)).toBe(wallMs);
  expect(writtenAtMs(wallMs + 1e9, wallMs)).toBeNull();
});

test("its way is the last points, oldest first", () => {
  const swarm = new Swarm();
  for (let i = 0; i < trailPointsMax + 5; i++) {
    swarm.take([at("r1", i, 0)], i * 100, wallMs);
  }
  const xs: number[] = [];
  swarm.eachTrailPoint(0, (x) => xs.push(x));
  expect(xs.length).toBe(trailPointsMax);
  expect(xs[0]).toBe(5);
  expect(xs.at(-1)).toBe(trailPointsMax + 4);
});

test("the nearest robot within reach is picked, and nobody beyond", () => {
  const swarm = new Swarm();
  swarm.take([at("r1", 0, 0), at("r2", 10, 0), at("r3", 11, 0)], 0, wallMs);
  expect(swarm.nearest({ x: 10.6, y: 0 }, 5, 0)).toBe(2);
  expect(swarm.nearest({ x: 5, y: 50 }, 5, 0)).toBe(-1);
  expect(swarm.bounds()).toEqual({ minX: 0, maxX: 11, minY: 0, maxY: 0 });
});

test("what is no position is passed over, and the swarm is bounded", () => {
  const swarm = new Swarm();
  const strange = [null, {}, { deviceId: "x", x: "1", y: 2 }, { deviceId: 7, x: 1, y: 2 }];
  swarm.take(strange as never, 0, wallMs);
  expect(swarm.size).toBe(0);
  const many = Array.from({ length: swarmSizeMax + 3 }, (_, i) => at(`r${i}`, i, i));
  swarm.take(many, 0, wallMs);
  expect(swarm.size).toBe(swarmSizeMax);
  expect(swarm.refused).toBe(3);
});

test("the pace of batches is followed, within bounds", () => {
  expect(nextGlideMs(0, 200)).toBeCloseTo(220);
  expect(nextGlideMs(220, 200)).toBeCloseTo(220);
  expect(nextGlideMs(0, 1)).toBe(50);
  expect(nextGlideMs(0, 60_000)).toBe(2000);
});

test("a robot whose device is gone leaves, and the others stay what they are", () => {
  const swarm = new Swarm();
  swarm.take([at("r1", 1, 10), at("r2", 2, 20), at("r3", 3, 30)], 0, wallMs);
  swarm.take([at("r3", 4, 40)], 100, wallMs);
  expect(
    swarm.take(
      [
        { deviceId: "r1", isGone: true },
        { deviceId: "r9", isGone: true },
      ],
      200,
      wallMs,
    ),
  ).toBe(true);
  expect([...swarm.ids].sort()).toEqual(["r2", "r3"]);
  expect(swarm.indexOf("r1")).toBe(-1);
  const r3 = swarm.indexOf("r3");
  expect([swarm.xAt(r3, 1000), swarm.yAt(r3, 1000)]).toEqual([4, 40]);
  const trail: number[][] = [];
  swarm.eachTrailPoint(r3, (x, y) => trail.push([x, y]));
  expect(trail).toEqual([
    [3, 30],
    [4, 40],
  ]);
  swarm.take([at("r1", 5, 50), at("r2", 6, 60)], 300, wallMs);
  expect(swarm.size).toBe(3);
  expect(swarm.xAt(swarm.indexOf("r2"), 2000)).toBe(6);
});

test("what a full set does not name is gone, however many parts it came in, and nobody flickers meanwhile", () => {
  const swarm = new Swarm();
  swarm.take(fullSet([at("r1", 1, 1), at("r2", 2, 2), at("r3", 3, 3)]), 0, wallMs);
  expect(swarm.take([{ isReset: true }, at("r3", 3, 3)], 100, wallMs)).toBe(false);
  expect(swarm.size).toBe(3);
  expect(swarm.take([at("r1", 1, 1), { isComplete: true }], 110, wallMs)).toBe(true);
  expect([...swarm.ids].sort()).toEqual(["r1", "r3"]);
  expect(
    swarm.take(
      [
        { deviceId: "r1", isGone: true },
        { deviceId: "r3", isGone: true },
      ],
      200,
      wallMs,
    ),
  ).toBe(true);
  expect(swarm.bounds()).toBeNull();
});
