import { expect, test } from "vitest";
import {
  formatAge,
  formatBytes,
  formatCount,
  formatDuration,
  formatRate,
  formatTime,
  plural,
  shortDigest,
  wordsOf,
} from "../../../src/dashboard/model/format.ts";

test.each([
  [0, "0"],
  [812, "812"],
  [1204, "1,204"],
  [9999, "9,999"],
  [12_400, "12.4k"],
  [99_960, "100k"],
  [999_960, "1M"],
  [3_100_000, "3.1M"],
  [null, "–"],
  [Number.NaN, "–"],
])("counts are exact below ten thousand and short above: %s is %s", (value, text) => {
  expect(formatCount(value)).toBe(text);
});

test.each([
  [0, "0"],
  [0.02, "<0.1"],
  [0.4, "0.4"],
  [3, "3"],
  [3.26, "3.3"],
  [42.4, "42"],
  [15_000, "15k"],
])("a slow rate is not shown as nothing: %s is %s", (value, text) => {
  expect(formatRate(value)).toBe(text);
});

test.each([
  [999, "999 B"],
  [1500, "1.5 kB"],
  [999_999, "1 MB"],
  [5e12, "5 TB"],
])("bytes have decimal units: %s is %s", (value, text) => {
  expect(formatBytes(value)).toBe(text);
});

test.each([
  [8, "8 s"],
  [61, "1 min"],
  [7500, "2 h 5 min"],
  [7200, "2 h"],
  [90_000, "1 d 1 h"],
])("a duration has its two largest units: %s s is %s", (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

test("what another machine's clock puts into the future is now", () => {
  expect(formatAge(5000, 1000)).toBe("now");
  expect(formatAge(1000, 9000)).toBe("8 s ago");
  expect(formatAge(null, 9000)).toBe("–");
});

test("a time of day is that of the viewer's zone, also across midnight", () => {
  expect(formatTime(0, 0)).toBe("00:00:00");
  expect(formatTime(3_723_000, -60)).toBe("02:02:03");
  expect(formatTime(0, 60)).toBe("23:00:00");
});

test("names of figures become words", () => {
  expect(wordsOf("publishDroppedQueueFull")).toBe("publish dropped queue full");
  expect(wordsOf("replica_records")).toBe("replica records");
  expect(plural(1, "topic")).toBe("1 topic");
  expect(plural(2, "topic")).toBe("2 topics");
  expect(shortDigest("0123456789abcdef")).toBe("01234567");
});
