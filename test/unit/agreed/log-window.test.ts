import { expect, test } from "vitest";
import { DigestRing } from "../../../cluster/agreed/digest-ring.ts";
import { LogWindow } from "../../../cluster/agreed/log-window.ts";
import { EntryType } from "../../../cluster/raft/types.ts";

function filled(count: number, limits: Partial<ConstructorParameters<typeof LogWindow>[0]>) {
  const window = new LogWindow(
    { sizeBytesMax: 1e9, entriesMax: 1e9, keptSizeBytes: 0, keptEntries: 0, ...limits },
    0,
  );
  for (let index = 1; index <= count; index++) {
    window.applied({ index, term: 2, type: EntryType.command, data: new Uint8Array(68) });
  }
  return window;
}

test("a short log is not cut", () => {
  expect(filled(500, { entriesMax: 500 }).cut(500)).toBeNull();
});

test("a long log is cut at a mark, keeping the trailing window", () => {
  expect(filled(501, { entriesMax: 500, keptEntries: 100 }).cut(501)).toBe(384);
});

test("nothing that is not durably applied is cut", () => {
  expect(filled(501, { entriesMax: 500, keptEntries: 100 }).cut(63)).toBeNull();
  expect(filled(501, { entriesMax: 500, keptEntries: 100 }).cut(130)).toBe(128);
});

test("bytes count as well as entries", () => {
  const window = filled(300, { sizeBytesMax: 25_000, keptSizeBytes: 10_000 });
  expect(window.cut(300)).toBe(192);
  expect(window.cut(300)).toBeNull();
});

test("a digest is known for the newest indexes only", () => {
  const ring = new DigestRing(4);
  ring.reset(10, "ten");
  for (let index = 11; index <= 15; index++) ring.record(index, `d${index}`);
  expect([11, 12, 15, 16].map((index) => ring.at(index))).toEqual([null, "d12", "d15", null]);
});
