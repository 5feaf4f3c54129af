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

test("a robot glides from where it is shown to where it was heard of, and stands there", () => {
  const swarm = new Swarm();
  swarm.take([at("r1", 0, 0)], 0, wallMs, false);
  swarm.take([at("r1", 10, 20)], 100, wallMs, false);
  expect(swarm.xAt(0, 100)).toBe(0);
  expect(swarm.xAt(0, 155)).toBeCloseTo(5);
  expect(swarm.yAt(0, 155)).toBeCloseTo(10);
  expect(swarm.xAt(0, 400)).toBe(10);
});

test("a word that comes early bends the way and does not make the robot jump", () => {
  const swarm = new Swarm();
  swarm.take([at("r1", 0, 0)], 0, wallMs, false);
  swarm.take([at("r1", 10, 0)], 100, wallMs, false);
  const shown = swarm.xAt(0, 130);
  swarm.take([at("r1", 30, 0)], 130, wallMs, false);
  expect(swarm.xAt(0, 130)).toBeCloseTo(shown);
  expect(swarm.xAt(0, 140)).toBeGreaterThan(shown);
});

test("for a viewer whom movement disturbs it is at once where it was heard of", () => {
  const swarm = new Swarm(false);
  swarm.take([at("r1", 0, 0)], 0, wallMs, false);
  swarm.take([at("r1", 10, 0)], 100, wallMs, false);
  expect(swarm.xAt(0, 100)).toBe(10);
});

test("after a long silence it is at once where it is", () => {
  const swarm = new Swarm();
  swarm.take([at("r1", 0, 0)], 0, wallMs, false);
  swarm.take([at("r1", 500, 0)], 60_000, wallMs, false);
  expect(swarm.xAt(0, 60_000)).toBe(500);
});

test("the same word once more is no news: after a reconnection nobody looks fresh who is not", () => {
  const swarm = new Swarm();
  swarm.take([at("r1", 1, 1)], 0, wallMs, false);
  swarm.take([at("r1", 1, 1)], 30_000, wallMs + 30_000, true);
  expect(swarm.ageMs(0, 30_000)).toBe(30_000);
  swarm.take([at("r1", 1, 1, "later")], 31_000, wallMs + 31_000, false);
  expect(swarm.ageMs(0, 31_000)).toBe(0);
});

test("what was there before the viewer came is as old as the device says, in seconds or milliseconds", () => {
  const swarm = new Swarm();
  const batch = [
    at("a", 0, 0, wallMs - 20_000),
    at("b", 0, 0, Math.floor(wallMs / 1000) - 20),
    at("c", 0, 0, 99),
  ];
  swarm.take(batch, 1000, wallMs, true);
  expect(swarm.ageMs(0, 1000)).toBe(20_000);
  expect(swarm.ageMs(1, 1000)).toBeCloseTo(20_000, -3);
  expect(freshnessIndex(swarm.ageMs(2, 1000))).toBe(3);
  expect(writtenAtMs(wallMs + 1000, wallMs)).toBe(wallMs);
  expect(writtenAtMs(wallMs + 1e9, wallMs)).toBeNull();
});

test("its way is the last points, oldest first", () => {
  const swarm = new Swarm();
  for (let i = 0; i < trailPointsMax + 5; i++) {
    swarm.take([at("r1", i, 0)], i * 100, wallMs, false);
  }
  const xs: number[] = [];
  swarm.eachTrailPoint(0, (x) => xs.push(x));
  expect(xs.length).toBe(trailPointsMax);
  expect(xs[0]).toBe(5);
  expect(xs.at(-1)).toBe(trailPointsMax + 4);
});

test("the nearest robot within reach is picked, and nobody beyond", () => {
  const swarm = new Swarm();
  swarm.take([at("r1", 0, 0), at("r2", 10, 0), at("r3", 11, 0)], 0, wallMs, false);
  expect(swarm.nearest({ x: 10.6, y: 0 }, 5, 0)).toBe(2);
  expect(swarm.nearest({ x: 5, y: 50 }, 5, 0)).toBe(-1);
  expect(swarm.bounds()).toEqual({ minX: 0, maxX: 11, minY: 0, maxY: 0 });
});

test("what is no position is passed over, and the swarm is bounded", () => {
  const swarm = new Swarm();
  const strange = [null, {}, { deviceId: "x", x: "1", y: 2 }, { deviceId: 7, x: 1, y: 2 }];
  swarm.take(strange as never, 0, wallMs, false);
  expect(swarm.size).toBe(0);
  const many = Array.from({ length: swarmSizeMax + 3 }, (_, i) => at(`r${i}`, i, i));
  swarm.take(many, 0, wallMs, false);
  expect(swarm.size).toBe(swarmSizeMax);
  expect(swarm.refused).toBe(3);
});

test("the pace of batches is followed, within bounds", () => {
  expect(nextGlideMs(0, 200)).toBeCloseTo(220);
  expect(nextGlideMs(220, 200)).toBeCloseTo(220);
  expect(nextGlideMs(0, 1)).toBe(50);
  expect(nextGlideMs(0, 60_000)).toBe(2000);
});
