import { describe, expect, test } from "vitest";
import { allCoordinates, coordinatesOf } from "../../../src/api/coordinates.ts";
import { FakeDevices } from "../../support/fake-node-port.ts";

function coordinates(...writes: readonly (readonly [string, unknown, number?])[]): unknown {
  const devices = new FakeDevices();
  for (const [attribute, value, timeMs] of writes) {
    devices.set("r1", attribute, value, timeMs);
  }
  const device = devices.get("r1");
  return device === null ? null : coordinatesOf(device);
}

describe("coordinates of a device", () => {
  test("come from its coordinates object, other fields included", () => {
    expect(coordinates(["coordinates", { x: 1, y: 2, timestamp: 7, heading: 90 }])).toEqual({
      deviceId: "r1",
      x: 1,
      y: 2,
      timestamp: 7,
      heading: 90,
    });
  });

  test("carry the time of the write when the device sent none", () => {
    expect(coordinates(["coordinates", { x: 1, y: 2 }, 55])).toMatchObject({ timestamp: 55 });
  });

  test("come from coordX and coordY, with the time of the later one", () => {
    const found = coordinates(["coordX", 1.5, 10], ["coordY", -2, 20]);
    expect(found).toEqual({ deviceId: "r1", x: 1.5, y: -2, timestamp: 20 });
  });

  test("come from whichever of the two forms is newer", () => {
    const whole = ["coordinates", { x: 9, y: 9 }] as const;
    const parts = [
      ["coordX", 1],
      ["coordY", 2],
    ] as const;
    expect(coordinates(whole, ...parts)).toMatchObject({ x: 1, y: 2 });
    expect(coordinates(...parts, whole)).toMatchObject({ x: 9, y: 9 });
  });

  test("are missing while one of them is missing or no number", () => {
    expect(coordinates(["coordX", 1])).toBeNull();
    expect(coordinates(["coordX", 1], ["coordY", "2"])).toBeNull();
    expect(coordinates(["coordinates", { x: 1 }])).toBeNull();
    expect(coordinates(["coordinates", [1, 2]])).toBeNull();
    expect(coordinates(["coordinates", null])).toBeNull();
  });

  test("cannot be given for another device", () => {
    const found = coordinates(["coordinates", { x: 1, y: 2, deviceId: "r2" }]);
    expect(found).toMatchObject({ deviceId: "r1" });
  });
});

test("all coordinates are walked over page by page", () => {
  const devices = new FakeDevices();
  for (let i = 0; i < 2500; i++) {
    devices.set(`r${i}`, "coordinates", { x: i, y: i });
  }
  const { coordinates: all, isTruncated } = allCoordinates(devices);
  expect(new Set(all.map(({ deviceId }) => deviceId)).size).toBe(2500);
  expect(isTruncated).toBe(false);
});
