import { expect, test } from "vitest";
import { DigestRing } from "../../../cluster/agreed/digest-ring.ts";

test("the newest digests are known by their index, older ones are forgotten", () => {
  const ring = new DigestRing(3);
  expect([ring.newestIndex, ring.at(0), ring.at(1)]).toEqual([0, null, null]);
  for (let index = 7; index <= 11; index++) ring.record(index, `d${index}`);
  expect(ring.newestIndex).toBe(11);
  expect([8, 9, 10, 11, 12].map((index) => ring.at(index))).toEqual([
    null,
    "d9",
    "d10",
    "d11",
    null,
  ]);
});

test("after a reset nothing before it is known, and the ring fills again", () => {
  const ring = new DigestRing(3);
  for (let index = 1; index <= 4; index++) ring.record(index, `old${index}`);
  ring.reset(100, "d100");
  expect([99, 100, 4, 3].map((index) => ring.at(index))).toEqual([null, "d100", null, null]);
  for (let index = 101; index <= 103; index++) ring.record(index, `d${index}`);
  expect([100, 101, 102, 103].map((index) => ring.at(index))).toEqual([
    null,
    "d101",
    "d102",
    "d103",
  ]);
});
