import { describe, expect, test } from "vitest";
import { StreamChecker, sumIntegrity } from "../../../scripts/bench/load/stream-checker.ts";

const sound = { lost: 0, duplicates: 0, outOfOrder: 0, foreign: 0 };

function checked(sequences: readonly number[], sent: number) {
  const checker = new StreamChecker(1);
  for (const sequence of sequences) checker.accept(0, sequence);
  return checker.result([0], () => sent);
}

describe("the checker of the load generator", () => {
  test.each([
    ["everything, in order", [0, 1, 2, 3], 4, {}],
    ["nothing", [], 3, { lost: 3 }],
    ["a gap", [0, 1, 3], 4, { lost: 1 }],
    ["the end missing", [0, 1], 4, { lost: 2 }],
    ["one twice", [0, 1, 1, 2], 3, { duplicates: 1 }],
    ["an old one again", [0, 1, 2, 0], 3, { duplicates: 1 }],
    ["two swapped", [0, 2, 1, 3], 4, { outOfOrder: 1 }],
    ["a late one twice", [0, 2, 1, 1], 3, { outOfOrder: 1, duplicates: 1 }],
  ])("%s", (_what, sequences, sent, expected) => {
    expect(checked(sequences, sent)).toEqual({ ...sound, ...expected });
  });

  test("publishers are numbered apart, and only the expected ones count", () => {
    const checker = new StreamChecker(3);
    for (const [stream, sequence] of [
      [0, 0],
      [2, 0],
      [0, 1],
      [2, 1],
    ] as const) {
      checker.accept(stream, sequence);
    }
    expect(checker.result([0, 2], () => 2)).toEqual(sound);
    expect(checker.received).toBe(4);
  });

  test("what belongs to no publisher is foreign and not counted as received", () => {
    const checker = new StreamChecker(1);
    expect(checker.accept(7, 0)).toBe(false);
    checker.foreign();
    expect(checker.result([0], () => 0)).toEqual({ ...sound, foreign: 2 });
  });

  test("the sums of several subscribers", () => {
    expect(sumIntegrity([checked([0, 0], 2), checked([1], 2)])).toEqual({
      ...sound,
      lost: 2,
      duplicates: 1,
    });
  });
});
