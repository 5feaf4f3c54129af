import { expect, test } from "vitest";
import { NodeIds } from "../../../cluster/wire/node-ids.ts";

const idOf = (number: number): string => number.toString(16).padStart(32, "0");

test("ids come back as they were, known or not, also those that begin alike", () => {
  const ids = new NodeIds();
  const one = `ffeeddcc${"0".repeat(24)}`;
  const other = `ffeeddcc${"1".repeat(24)}`;
  const buffer = Buffer.from(`00${one}${other}${one}`, "hex");
  expect([1, 17, 33].map((at) => ids.read(buffer, at))).toEqual([one, other, one]);
  for (const id of [one, other]) expect(Buffer.from(ids.bytesOf(id)).toString("hex")).toBe(id);
});

test("the bytes of a frame may change afterwards", () => {
  const ids = new NodeIds();
  const buffer = Buffer.from(idOf(1), "hex");
  ids.read(buffer, 0);
  buffer.fill(0);
  expect(Buffer.from(ids.bytesOf(idOf(1))).toString("hex")).toBe(idOf(1));
});

test("however many ids there are, it forgets and learns them again", () => {
  const ids = new NodeIds();
  for (let round = 0; round < 2; round++) {
    for (let number = 0; number < 1000; number++) {
      const bytes = Buffer.from(ids.bytesOf(idOf(number)));
      expect(ids.read(bytes, 0)).toBe(idOf(number));
    }
  }
});
