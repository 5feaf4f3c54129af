import { expect, it } from "vitest";
import type { Operation } from "../../../scripts/chaos/linearizability.ts";
import { lostWrites } from "../../../scripts/chaos/lost-writes.ts";

const unknown = Number.POSITIVE_INFINITY;

function write(value: string, startMs: number, endMs: number): Operation {
  return { kind: "write", value, startMs, endMs, by: "w" };
}

function final(value: string | null): Operation {
  return { kind: "read", value, startMs: 1000, endMs: 1001, by: "r" };
}

const history = [
  write("1", 0, 10),
  write("2", 20, 30),
  write("3", 25, 40),
  write("4", 50, unknown),
];

it("nothing is lost when the last acknowledged write is found, or one at the same time as it", () => {
  expect(lostWrites(history, [final("3"), final("2")])).toEqual([]);
});

it("nothing is lost when a write of unknown outcome took effect after all others", () => {
  expect(lostWrites(history, [final("4")])).toEqual([]);
});

it("acknowledged writes behind the one that is found are lost, whichever node lost them", () => {
  expect(lostWrites(history, [final("3"), final("1")]).map(({ value }) => value)).toEqual([
    "2",
    "3",
  ]);
});

it("all acknowledged writes are lost when nothing is found", () => {
  expect(lostWrites(history, [final(null)])).toHaveLength(3);
});
