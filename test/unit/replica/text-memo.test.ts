import fc from "fast-check";
import { expect, test } from "vitest";
import { TextMemo } from "../../../src/replica/text-memo.ts";

const bytes = fc.oneof(
  fc.string({ maxLength: 80 }).map((text) => Buffer.from(text)),
  fc.string({ unit: "grapheme", maxLength: 20 }).map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 80 }).map((raw) => Buffer.from(raw)),
  fc
    .constantFrom("", "a", "b", "ab", "ba", "sensors/1/x", "sensors/2/x")
    .map((text) => Buffer.from(text)),
);

test("every text is read as Node.js reads it, whatever was read before, and however few are kept", () => {
  fc.assert(
    fc.property(fc.array(bytes, { maxLength: 60 }), fc.constantFrom(1, 2, 64), (all, textsMax) => {
      const memo = new TextMemo(textsMax);
      const together = Buffer.concat(all);
      let start = 0;
      for (const each of all) {
        const end = start + each.length;
        expect(memo.read(together, start, end)).toBe(each.toString("utf8"));
        start = end;
      }
    }),
  );
});

test("a text that comes again is not made again", () => {
  const memo = new TextMemo(64);
  const read = memo.read.bind(memo);
  const frame = Buffer.from("a/topic");
  read(frame, 0, frame.length);
  const made = { count: 0 };
  frame.toString = () => {
    made.count++;
    return "a/topic";
  };
  expect(read(frame, 0, frame.length)).toBe("a/topic");
  expect(made.count).toBe(0);
});
