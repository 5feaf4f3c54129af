import fc from "fast-check";
import { expect, test } from "vitest";
import { isStateValue, mergeValues, valueDepthMax } from "../../../src/replica/state-value.ts";

// Few names, so that many objects have the same ones, in the same order or another; "1" comes first whenever it was set.
const fields = fc
  .array(fc.tuple(fc.constantFrom("x", "y", "1", "__proto__"), fc.jsonValue()), { maxLength: 4 })
  .map((entries) => `{${entries.map(([name, value]) => `"${name}":${JSON.stringify(value)}`)}}`)
  .map((text) => JSON.parse(text) as Record<string, unknown>);

test("merging keeps the order in which fields first came, and prints alike before and after the disk", () => {
  fc.assert(
    fc.property(fields, fields, (previous, next) => {
      const merged = mergeValues(previous, next);
      const expected = JSON.stringify({ ...previous, ...next });
      expect(JSON.stringify(merged)).toBe(expected);
      const restored = JSON.parse(JSON.stringify(previous)) as unknown;
      expect(JSON.stringify(mergeValues(restored, next))).toBe(expected);
    }),
    { numRuns: 2000 },
  );
});

test("a value that tells all fields again is taken as it is", () => {
  const next = { x: 3, y: 4 };
  expect(mergeValues({ x: 1, y: 2 }, next)).toBe(next);
  expect(mergeValues({ y: 2, x: 1 }, next)).toEqual({ y: 4, x: 3 });
  expect(mergeValues({ x: 1 }, next)).not.toBe(next);
});

test.each([
  ["a number beyond a double", { x: [Number.POSITIVE_INFINITY] }],
  ["a missing field", { x: undefined }],
  ["a function", { x: [() => 0] }],
])("%s is no state value, however deep", (_what, value) => {
  expect(isStateValue(value)).toBe(false);
});

test("values nest as deep as they may, and no deeper", () => {
  const nested = (depth: number): unknown =>
    JSON.parse(`${'{"a":['.repeat(depth / 2)}1${"]}".repeat(depth / 2)}`);
  expect(isStateValue(nested(valueDepthMax))).toBe(true);
  expect(isStateValue(nested(valueDepthMax + 2))).toBe(false);
});
