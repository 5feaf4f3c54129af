import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DeviceState } from "../../../src/api/ports.ts";
import { parseWhere } from "../../../src/query/where.ts";
import { WhereError } from "../../../src/query/where-error.ts";

const values: Record<string, unknown> = {
  motorRPM: 1600,
  battery: 19.5,
  mode: "slam",
  coordinates: JSON.parse('{"x":1,"y":{"z":2},"__proto__":{"own":7}}'),
  list: [1, { a: 2 }, "x"],
  "battery-level": 5,
  online: "an attribute",
  nothing: null,
};
const attributes = new Map(
  Object.entries(values).map(([name, value]) => [
    name,
    { value, version: 1, timeMs: 1, source: "s", node: "n" },
  ]),
);
const device: DeviceState = {
  ...{ id: "robot-17", attributes, version: 3, updatedAtMs: 1000 },
  ...{ online: true, lastSeenMs: 2000 },
};

function evaluate(text: string): unknown {
  return parseWhere(text)(device);
}

describe("an expression over a device", () => {
  it.each([
    ["motorRPM > 1500 && battery < 20", true],
    ["motorRPM > 1500 && battery < 19", false],
    ["motorRPM == 1600", true],
    ["mode == 'slam' || mode == \"idle\"", true],
    ["!(mode == 'idle')", true],
    ["coordinates.x >= 1 && coordinates.y.z != 3", true],
    ["coordinates['y']['z'] == 2", true],
    ["list[1].a == 2 && contains(list, 'x')", true],
    ["attributes['battery-level'] < 6", true],
    ["online && attributes.online == 'an attribute'", true],
    ["id == 'robot-17' && lastSeen >= 2000 && updatedAt == 1000 && version == 3", true],
    ["startsWith(id, 'robot-') && endsWith(id, '17') && contains(lower('ABC'), 'b')", true],
    ["battery * 2 + 1 == 40 && -battery < 0 && motorRPM % 1000 == 600", true],
    ["battery > 10 ? mode == 'slam' : false", true],
    ["missing > 1 || missing < 1 || missing == 0", false],
    ["missing == null && nothing == null && !has(missing) && has(mode)", true],
    ["missing.deeper.still == null", true],
    ["mode > 5 || motorRPM > 'a' || '1600' == motorRPM", false],
    ["battery / 0 == null", true],
    ["abs(0 - 5) == 5", true],
  ])("%s", (text, expected) => {
    expect(evaluate(text)).toBe(expected);
  });

  it.each([
    "constructor",
    "__proto__",
    "toString",
    "coordinates.constructor",
    "coordinates.toString",
    "coordinates['constructor']['constructor']",
    "list.constructor",
    "list.length",
    "mode.length",
    "attributes.constructor",
    "list['map']",
  ])("finds nothing of a prototype: %s", (text) => {
    expect(evaluate(text)).toBeNull();
  });

  it("finds an own field of such a name", () => {
    expect(evaluate("coordinates.__proto__.own == 7")).toBe(true);
  });

  it.each([
    ["", 1],
    ["motorRPM >", 11],
    ["motorRPM > > 5", 12],
    ["(a == 1", 8],
    ["a == 'open", 11],
    ["a; b", 1],
    ["a, b", 1],
    ["a = 5", 4],
    ["a == 1 & b", 11],
    ["a ~ b", 3],
    ["nofunction(1)", 14],
    ["mode.startsWith('s')", 21],
    ["has()", 6],
    ["[1, 2]", 7],
    ["this.x", 7],
    ["a | b", 2],
    ["~a", 3],
    ["#", 1],
    ["`a`", 1],
    ["/(a+)+$/", 1],
    ["x => x", 4],
  ])("%j is refused, and where", (text, at) => {
    let message = "";
    try {
      parseWhere(text);
    } catch (error) {
      expect(error).toBeInstanceOf(WhereError);
      message = String(error);
    }
    expect(message).toMatch(/at character \d+$/);
    // Within two characters: the parser counts the space behind a word, or does not.
    const found = Number(/(\d+)$/.exec(message)?.[1]);
    expect(Math.abs(found - at)).toBeLessThanOrEqual(2);
  });

  it("is bounded in length, nesting and size", () => {
    const hostile = [
      "a".repeat(1001),
      `${"(".repeat(40)}1${")".repeat(40)}`,
      `a${"[0]".repeat(40)}`,
      "!".repeat(900),
      "-".repeat(900),
      `${"1+".repeat(200)}1`,
      "a?".repeat(300),
      `${"a(".repeat(300)}`,
      "a.b".repeat(300),
      '"'.repeat(999),
      "\\".repeat(900),
    ];
    for (const text of hostile) expect(() => parseWhere(text)).toThrow(WhereError);
    expect(() => parseWhere("a == 1 && b == 2 && c == 3 && d == 4 || e == 5")).not.toThrow();
  });

  it("answers or is refused whatever it is", () => {
    const token = fc.constantFrom(
      ...["a", "1", "'x'", "(", ")", "[", "]", ".", "&&", "||", "!", "==", "<", "+", ",", "?"],
      ...[":", "has", "this", "null", "`", "{", "}", " ", "\\", "/", "__proto__", "constructor"],
    );
    const text = fc.oneof(
      fc.string(),
      fc.array(token, { maxLength: 30 }).map((t) => t.join("")),
    );
    fc.assert(
      fc.property(text, (each) => {
        try {
          const value = evaluate(each);
          expect(["function", "undefined", "symbol", "bigint"]).not.toContain(typeof value);
        } catch (error) {
          expect(error).toBeInstanceOf(WhereError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
