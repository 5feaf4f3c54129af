import fc from "fast-check";
import { expect, test } from "vitest";
import {
  fitted,
  gridLabel,
  gridLines,
  gridStep,
  panBy,
  pinch,
  toScreen,
  toWorld,
  type Viewport,
  zoomAt,
} from "../../../src/dashboard/model/viewport.ts";

const view: Viewport = { centerX: 50, centerY: 20, scale: 4, width: 800, height: 600 };
const coordinate = fc.double({ min: -1e4, max: 1e4, noNaN: true });
const pixel = fc.double({ min: 0, max: 800, noNaN: true });

test("the plane grows upwards, the screen downwards", () => {
  expect(toScreen(view, { x: 50, y: 20 })).toEqual({ x: 400, y: 300 });
  expect(toScreen(view, { x: 51, y: 21 })).toEqual({ x: 404, y: 296 });
});

test("from the world to the screen and back is the same point", () => {
  fc.assert(
    fc.property(coordinate, coordinate, (x, y) => {
      const back = toWorld(view, toScreen(view, { x, y }));
      expect(back.x).toBeCloseTo(x, 6);
      expect(back.y).toBeCloseTo(y, 6);
    }),
  );
});

test("zooming keeps the point under the pointer where it is", () => {
  fc.assert(
    fc.property(pixel, pixel, fc.double({ min: 0.1, max: 10, noNaN: true }), (x, y, factor) => {
      const before = toWorld(view, { x, y });
      const after = toWorld(zoomAt(view, { x, y }, factor), { x, y });
      expect(after.x).toBeCloseTo(before.x, 6);
      expect(after.y).toBeCloseTo(before.y, 6);
    }),
  );
});

test("a drag carries the content along", () => {
  const grabbed = toWorld(view, { x: 100, y: 100 });
  const moved = toWorld(panBy(view, 30, -12), { x: 130, y: 88 });
  expect(moved.x).toBeCloseTo(grabbed.x);
  expect(moved.y).toBeCloseTo(grabbed.y);
});

test("each of two fingers stays on the world point that it holds", () => {
  const before = [
    { x: 200, y: 200 },
    { x: 400, y: 200 },
  ] as const;
  const after = [
    { x: 150, y: 250 },
    { x: 550, y: 250 },
  ] as const;
  const next = pinch(view, before, after);
  expect(next.scale).toBeCloseTo(8);
  for (const finger of [0, 1] as const) {
    const held = toWorld(view, before[finger]);
    const now = toWorld(next, after[finger]);
    expect(now.x).toBeCloseTo(held.x);
    expect(now.y).toBeCloseTo(held.y);
  }
});

test("what fits is all in sight, also a single point and a line", () => {
  const bounds = { minX: -10, maxX: 90, minY: 0, maxY: 10 };
  const whole = fitted(view, bounds, 32);
  expect(toScreen(whole, { x: -10, y: 0 }).x).toBeCloseTo(32);
  expect(toScreen(whole, { x: 90, y: 10 }).x).toBeCloseTo(768);
  const point = fitted(view, { minX: 3, maxX: 3, minY: 4, maxY: 4 });
  expect(toScreen(point, { x: 3, y: 4 })).toEqual({ x: 400, y: 300 });
  expect(Number.isFinite(fitted(view, { minX: 0, maxX: 5, minY: 2, maxY: 2 }).scale)).toBe(true);
});

test("grid lines are 1, 2 or 5 times a power of ten apart, and never too close", () => {
  fc.assert(
    fc.property(fc.double({ min: 1e-4, max: 1e4, noNaN: true }), (scale) => {
      const step = gridStep(scale, 80);
      expect(step * scale).toBeGreaterThanOrEqual(80 * (1 - 1e-6));
      expect(step * scale).toBeLessThanOrEqual(80 * 2.6);
      const lead = step / 10 ** Math.floor(Math.log10(step) + 1e-9);
      expect([1, 2, 5].some((digit) => Math.abs(lead - digit) < 1e-6)).toBe(true);
    }),
  );
  expect(gridLines(-3, 12, 5)).toEqual([-0, 5, 10]);
  expect(gridLabel(0.30000000000000004, 0.1)).toBe("0.3");
  expect(gridLabel(-1e-17, 0.1)).toBe("0.0");
});
