import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compilePatterns } from "../../../src/broker/device-patterns.ts";
import { encodeCommand } from "../../../src/replica/commands.ts";
import { replicaLimits } from "../../../src/replica/limits.ts";
import { joinUpdates, joinUpdateValues, mergeValues } from "../../../src/replica/state-value.ts";
import { anyValue } from "../../support/replica-model.ts";

const patterns = compilePatterns(["sensors/{device}/{attribute}", "{attribute}/of/{device}"]);

function valueFrom(payload: string | Buffer): unknown {
  return patterns.updateFrom("sensors/r1/x", { payload: Buffer.from(payload as string) })?.value;
}

describe("device patterns", () => {
  it("read device and attribute out of a topic", () => {
    expect(patterns.match("sensors/r1/rpm")).toEqual({ device: "r1", attribute: "rpm" });
    expect(patterns.match("rpm/of/r1")).toEqual({ device: "r1", attribute: "rpm" });
    for (const topic of [
      "sensors/r1",
      "sensors/r1/a/b",
      "sensors//x",
      "sensors/r1/",
      "other/r1/x",
      "sensors",
    ]) {
      expect(patterns.match(topic)).toBeNull();
      expect(patterns.updateFrom(topic, { payload: Buffer.from("1") })).toBeNull();
    }
  });

  it("find the same as one that cuts the topic at every slash", () => {
    const word = fc.constantFrom("", "a", "of", "of", "sensors", "sensors", "x/");
    const own = compilePatterns(["sensors/{device}/of/{attribute}"]);
    fc.assert(
      fc.property(fc.array(word, { maxLength: 6 }), (words) => {
        const topic = words.join("/");
        const [first, device, third, attribute, ...more] = topic.split("/");
        const isMatch = first === "sensors" && third === "of" && more.length === 0;
        const expected = isMatch && device && attribute ? { device, attribute } : null;
        expect(own.match(topic)).toEqual(expected);
      }),
    );
  });

  it("are refused with a reason when they are no patterns", () => {
    for (const text of [
      "",
      "sensors/{device}",
      "{device}/{device}/{attribute}",
      "a{device}/{attribute}",
      "+/{device}/{attribute}",
      "{device}/{attribute}/#",
      "{device}/{attribute}/{other}",
    ]) {
      expect(() => compilePatterns([text])).toThrow(RangeError);
    }
  });

  it("read payloads as JSON, else as text, else as bytes", () => {
    expect(valueFrom("-12.5e1")).toBe(-125);
    expect(valueFrom(" 7\n")).toBe(7);
    expect(valueFrom("true")).toBe(true);
    expect(valueFrom("null")).toBeNull();
    expect(valueFrom("")).toBeUndefined();
    expect(valueFrom('"text"')).toBe("text");
    expect(valueFrom('{"x": 1, "y": [2]}')).toEqual({ x: 1, y: [2] });
    for (const text of [
      "slam",
      "1e999",
      "0x10",
      "NaN",
      "{x",
      "-",
      "trueish",
      '{"x": 1e999}',
      "[".repeat(1000),
    ]) {
      expect(valueFrom(text)).toBe(text);
    }
    expect(valueFrom(Buffer.of(0xff, 0xfe))).toEqual({ $base64: "//4=" });
  });

  it("count what was meant as JSON and is none, and what is no UTF-8", () => {
    const own = compilePatterns(["{device}/{attribute}"]);
    for (const text of ['{"x":1', "[1,]", '{"x": 1e999}', "word", "2026-11-30", "-"]) {
      expect(own.updateFrom("r1/x", { payload: Buffer.from(text) })?.value).toBe(text);
    }
    own.updateFrom("r1/x", { payload: Buffer.of(0xff) });
    expect(own.metrics().get("device_payloads_invalid_json")).toBe(3);
    expect(own.metrics().get("device_payloads_not_utf8")).toBe(1);
  });

  it("keep JSON as each pattern says, and for as long", () => {
    const own = compilePatterns([
      { topic: "raw/{device}/{attribute}", json: "raw", ttlSeconds: 0 },
      { topic: "new/{device}/{attribute}", json: "replace", ttlSeconds: 60 },
      { topic: "{device}/{attribute}", json: "merge", ttlSeconds: 5 },
    ]);
    const from = (topic: string) => own.updateFrom(topic, { payload: Buffer.from('{"x":1}') });
    const name = { device: "r1", attribute: "a" };
    expect(from("raw/r1/a")).toEqual({ ...name, value: '{"x":1}' });
    const replaced = { ...name, value: { x: 1 }, ttlSeconds: 60, isReplacing: true };
    expect(from("new/r1/a")).toEqual(replaced);
    expect(from("r1/a")).toEqual({ ...name, value: { x: 1 }, ttlSeconds: 5 });
  });

  it("leave out payloads that are too large, and count them", () => {
    const own = compilePatterns(["sensors/{device}/{attribute}"]);
    const payload = Buffer.alloc(replicaLimits.valueSizeBytesMax + 1, "x");
    expect(own.updateFrom("sensors/r1/x", { payload })).toBeNull();
    expect(own.metrics().get("device_payloads_too_large")).toBe(1);
  });

  it("make only updates that a command may carry, whatever the payload", () => {
    const payload = fc.oneof(
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      fc.json().map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(payload, (bytes) => {
        const update = patterns.updateFrom("sensors/r1/x", { payload: bytes })!;
        encodeCommand({ type: "state", source: "s", updates: [update] });
      }),
    );
  });
});

describe("joined updates", () => {
  const name = { device: "r1", attribute: "a" };

  it("do what both would have done in turn", () => {
    fc.assert(
      fc.property(anyValue, anyValue, anyValue, (held, earlier, later) => {
        const joined = joinUpdateValues(earlier, later);
        if (joined !== null) {
          expect(mergeValues(held, joined.value)).toEqual(
            mergeValues(mergeValues(held, earlier), later),
          );
        }
      }),
      { numRuns: 500 },
    );
    expect(joinUpdateValues({ x: 1 }, { y: 2 })).toEqual({ value: { x: 1, y: 2 } });
    expect(joinUpdateValues(5, { y: 2 })).toBeNull();
    expect(joinUpdateValues({ $base64: "" }, { y: 2 })).toBeNull();
  });

  it("go on replacing what was there before both", () => {
    const [earlier, later] = [{ x: 1 }, { y: 2 }].map((value) => ({ ...name, value }));
    const replacing = { ...earlier!, isReplacing: true as const };
    const joined = { ...name, value: { x: 1, y: 2 }, isReplacing: true };
    expect(joinUpdates(replacing, later!)).toEqual(joined);
    expect(joinUpdates(later!, replacing)).toBe(replacing);
    const expiring = { ...later!, ttlSeconds: 5 };
    expect(joinUpdates(earlier!, expiring)?.ttlSeconds).toBe(5);
    expect(joinUpdates(expiring, earlier!)?.ttlSeconds).toBeUndefined();
  });
});
