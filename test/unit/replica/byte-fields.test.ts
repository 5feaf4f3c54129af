import fc from "fast-check";
import { expect, test } from "vitest";
import { ByteReader } from "../../../src/replica/byte-reader.ts";
import { ByteWriter } from "../../../src/replica/byte-writer.ts";

const texts = fc.array(
  fc.oneof(fc.string({ maxLength: 200 }), fc.constantFrom("", "x", "é", "xy")),
);

test("records that are cut from one writer stay as they were, however many follow", () => {
  fc.assert(
    fc.property(fc.array(texts), (records) => {
      const writer = new ByteWriter(64);
      const pieces = records.map((fields) => {
        for (const field of fields) writer.string(field);
        return writer.cut();
      });
      for (const [at, fields] of records.entries()) {
        const reader = new ByteReader(pieces[at]!);
        expect(fields.map(() => reader.string())).toEqual(fields);
        expect(reader.isAtEnd && reader.isSound).toBe(true);
      }
    }),
  );
});

test("many small records share a piece of memory of the size that the writer was made with", () => {
  const writer = new ByteWriter(8192);
  const memory = new Set<ArrayBufferLike>();
  for (let left = 1000; left > 0; left--) {
    writer.string("x".repeat(99));
    memory.add(writer.cut().buffer);
  }
  expect(memory.size).toBe(Math.ceil(1000 / Math.floor(8192 / 100)));
  // One that is larger takes what it needs, and the next ones less again.
  writer.string("x".repeat(10_000));
  expect(writer.cut().length).toBe(10_002);
  writer.string("x".repeat(99));
  expect(writer.cut().buffer.byteLength).toBe(8192);
});

test("a field is read alike whatever it is expected to be", () => {
  const utf8 = fc.string({ unit: "grapheme", maxLength: 150 });
  fc.assert(
    fc.property(utf8, utf8, fc.boolean(), (text, other, isAsExpected) => {
      const writer = new ByteWriter();
      writer.string(text);
      writer.number(7);
      const reader = new ByteReader(writer.finish());
      expect(reader.stringLike(isAsExpected ? text : other)).toBe(text);
      expect([reader.number(), reader.isAtEnd, reader.isSound]).toEqual([7, true, true]);
    }),
  );
});

test("a field that is cut off is no field, whatever is expected", () => {
  const reader = new ByteReader(Buffer.from([3, 0x61, 0x62, 0x63]).subarray(0, 3));
  expect(reader.stringLike("abc")).toBe("");
  expect(reader.isSound).toBe(false);
  expect(reader.stringLike("")).toBe("");
});
