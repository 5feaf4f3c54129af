import { describe, expect, it } from "vitest";
import { WritingTurns } from "../../../cluster/agreed/writing-turns.ts";
import { logLimits } from "../../../cluster/log-limits.ts";
import { EffectsBound } from "../../../cluster/storage/effects-bound.ts";

const { effectsSizeBytesMax, effectsRoundMs } = logLimits;
const startMs = 1_700_000_000_000;
const voters = ["a", "b", "c"];
const configuration = { voters, votersOutgoing: [], learners: [], learnersNext: [] };

/** When each of three nodes writes that apply the same: `sizeBytes` more every millisecond of five seconds. */
function writesOf(sizeBytes: number): number[][] {
  return voters.map((node) => {
    const turns = new WritingTurns(node, effectsRoundMs);
    const bound = new EffectsBound();
    const times: number[] = [];
    let waiting = 0;
    for (let ms = 0; ms < 5_000; ms++) {
      const turn = turns.at(startMs + ms, voters);
      const effects = { index: ms, term: 1, configuration, writes: [], turn };
      const wasEmpty = waiting === 0;
      waiting += sizeBytes;
      if (!bound.isMet(effects, waiting, wasEmpty)) continue;
      times.push(ms);
      waiting = 0;
    }
    // The first one told the storage who votes.
    return times.filter((ms) => ms > 0);
  });
}

describe("the bound on effects that wait", () => {
  it.each([
    ["half of a slot", 66],
    ["slot", 133],
    ["half of a round", 200],
    ["round", 400],
  ])("is met by each node at another entry where that takes a %s", (_, times) => {
    const writes = writesOf(effectsSizeBytesMax / times);
    const all = writes.flat().sort((a, b) => a - b);
    const gaps = all.slice(1).map((ms, at) => ms - all[at]!);
    expect(all.length).toBeGreaterThan(3 * 10);
    expect(gaps.filter((gap) => gap < 10).length).toBeLessThan(all.length / 20);
    for (const those of writes) expect(those.length).toBeLessThanOrEqual(all.length / 3 + 6);
  });

  it.each([420, 480, 560, 640, 840, 1_000, 1_200])(
    "leaves the turns alone where it would take %i ms",
    (times) => {
      const all = writesOf(effectsSizeBytesMax / times)
        .flat()
        .sort((a, b) => a - b);
      const gaps = all.slice(1).map((ms, at) => ms - all[at]!);
      expect(all.length).toBeGreaterThan(3 * 10);
      expect(gaps.filter((gap) => gap < 100)).toEqual([]);
    },
  );

  it("leaves the turns alone that come before it is met", () => {
    const writes = writesOf(effectsSizeBytesMax / 4_000);
    for (const times of writes) expect(times.length).toBeGreaterThanOrEqual(12);
    const all = writes.flat();
    expect(new Set(all).size).toBe(all.length);
  });
});
