import { describe, expect, it } from "vitest";
import { WritingTurns } from "../../../cluster/agreed/writing-turns.ts";

const roundMs = 200;
const startMs = 1_700_000_000_000;

/** When, of `times`, a turn begins at each of `nodes`. */
function turnsOf(nodes: readonly string[], voters: readonly string[], times: readonly number[]) {
  return nodes.map((node) => {
    const turns = new WritingTurns(node, roundMs);
    return times.filter((timeMs) => turns.at(timeMs, voters).isNow);
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

  it("come to one voter with each entry, however long the log paused before it", () => {
    const voters = ["a", "b", "c", "d", "e"];
    for (const [periodMs, burstMs] of [
      [7, 1],
      [100, 5],
      [250, 50],
      [500, 200],
      [730, 90],
      [10_000, 3],
    ] as const) {
      const times = Array.from({ length: 50 * burstMs }, (_, at) => {
        const burst = Math.floor(at / burstMs);
        return startMs + burst * periodMs + (at % burstMs);
      });
      const all = turnsOf(voters, voters, times).flat();
      expect(new Set(all).size).toBe(all.length);
    }
  });

  it("that no entry came in are not made up for", () => {
    const times = [startMs, startMs + 1, startMs + 10 * roundMs, startMs + 10 * roundMs + 1];
    const turns = turnsOf(["a", "b"], ["a", "b", "c"], times);
    expect(turns).toEqual([[times[0], times[2]], []]);
  });

  it("come to a node that does not vote, and to one voter alone", () => {
    for (const voters of [["a"], ["b", "c"], []]) {
      expect(turnsOf(["a"], voters, everyMs)[0]?.length).toBe(5);
    }
  });

  it("are behind those of the first voter by the node's place", () => {
    const offsetOf = (node: string) =>
      new WritingTurns(node, roundMs).at(startMs, ["a", "b", "c", "d"]).offset;
    expect(["a", "b", "d", "elsewhere"].map(offsetOf)).toEqual([0, 1 / 4, 3 / 4, 0]);
  });
});
