import { expect, test } from "vitest";
import { DigestRing } from "../../../cluster/agreed/digest-ring.ts";
import { LogWindow } from "../../../cluster/agreed/log-window.ts";
import { type Configuration, EntryType } from "../../../cluster/raft/types.ts";

const configuration = (...voters: string[]): Configuration => ({
  voters,
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
});

function filled(count: number, limits: Partial<ConstructorParameters<typeof LogWindow>[0]>) {
  const window = new LogWindow(
    { sizeBytesMax: 1e9, entriesMax: 1e9, keptSizeBytes: 0, keptEntries: 0, ...limits },
    { index: 0, term: 0, configuration: configuration("a") },
  );
  for (let index = 1; index <= count; index++) {
    window.applied({ index, term: 2, type: EntryType.command, data: new Uint8Array(68) });
    if (index === 100) window.configured(100, configuration("a", "b", "c"));
  }
  return window;
}

test("a short log is not cut", () => {
  expect(filled(500, { entriesMax: 500 }).cut(500)).toBeNull();
});

test("a long log is cut at a mark, keeping the trailing window", () => {
  const point = filled(501, { entriesMax: 500, keptEntries: 100 }).cut(501);
  expect(point).toEqual({ index: 384, term: 2, configuration: configuration("a", "b", "c") });
});

test("the configuration of the cut is the one in force there, not the newest", () => {
  const point = filled(150, { entriesMax: 100, keptEntries: 80 }).cut(150);
  expect(point).toEqual({ index: 64, term: 2, configuration: configuration("a") });
});

test("nothing that is not durably applied is cut", () => {
  expect(filled(501, { entriesMax: 500, keptEntries: 100 }).cut(63)).toBeNull();
  expect(filled(501, { entriesMax: 500, keptEntries: 100 }).cut(130)?.index).toBe(128);
});

test("bytes count as well as entries", () => {
  const window = filled(300, { sizeBytesMax: 25_000, keptSizeBytes: 10_000 });
  expect(window.cut(300)?.index).toBe(192);
  expect(window.cut(300)).toBeNull();
});

test("a digest is known for the newest indexes only", () => {
  const ring = new DigestRing(4);
  ring.reset(10, "ten");
  for (let index = 11; index <= 15; index++) ring.record(index, `d${index}`);
  expect([11, 12, 15, 16].map((index) => ring.at(index))).toEqual([null, "d12", "d15", null]);
});
