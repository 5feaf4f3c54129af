import { describe, expect, it } from "vitest";
import { WritingTurns } from "../../../cluster/agreed/writing-turns.ts";

const roundMs = 200;
const startMs = 1_700_000_000_000;

/** When, of `times`, a turn begins at each of `nodes`. */
function turnsOf(nodes: readonly string[], voters: readonly string[], times: readonly number[]) {
  return nodes.map((node) => {
    const turns = new WritingTurns(node, roundMs);
    turns.begins(startMs - 1, voters);
    return times.filter((timeMs) => turns.begins(timeMs, voters));
  });
}

const everyMs = Array.from({ length: 5 * roundMs }, (_, ms) => startMs + ms);

describe("turns to write", () => {
  it("come once in a round, to each voter at a time of its own", () => {
    const voters = ["a", "b", "c"];
    const turns = turnsOf(voters, voters, everyMs);
    for (const [place, times] of turns.entries()) {
      expect(times.length).toBe(5);
      const firstMs = Math.ceil((place * roundMs) / voters.length);
      expect(times).toEqual([0, 1, 2, 3, 4].map((round) => startMs + round * roundMs + firstMs));
    }
  });

  it("that no entry came in are not made up for", () => {
    const times = [startMs, startMs + 1, startMs + 10 * roundMs, startMs + 10 * roundMs + 1];
    expect(turnsOf(["a"], ["a", "b", "c"], times)).toEqual([[times[0], times[2]]]);
  });

  it("come to a node that does not vote, and to one voter alone", () => {
    for (const voters of [["a"], ["b", "c"], []]) {
      expect(turnsOf(["a"], voters, everyMs)[0]?.length).toBe(5);
    }
  });
});
