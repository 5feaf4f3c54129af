import { describe, expect, test } from "vitest";
import {
  type AutopilotMember,
  planVoters,
  targetVoters,
} from "../../../cluster/members/autopilot-plan.ts";

const policy = { votersMax: 5, stabilizationMs: 2000, replaceVoterAfterMs: 30_000 };

/** "L" leader, "v" voter, "s" stable learner, "j" learner that just joined, "d" voter down for a minute, "x" learner down. */
function members(kinds: string): AutopilotMember[] {
  return [...kinds].map((kind, i) => ({
    nodeId: `id${i + 1}`,
    name: `n${i + 1}`,
    isVoter: "Lvd".includes(kind),
    isLeader: kind === "L",
    isHealthy: "Lvsj".includes(kind),
    healthyMs: kind === "j" ? 100 : "Lvs".includes(kind) ? 60_000 : 0,
    downMs: "dx".includes(kind) ? 60_000 : 0,
  }));
}

test("voters for N nodes are 1, 1, 3, 3, 5, 5, then 5", () => {
  expect([1, 2, 3, 4, 5, 6, 9].map((n) => targetVoters(n, 5))).toEqual([1, 1, 3, 3, 5, 5, 5]);
  expect(targetVoters(9, 7)).toBe(7);
  expect(targetVoters(9, 4)).toBe(3);
});

describe("autopilot", () => {
  test.each([
    ["a second node stays a learner", "Ls", null],
    ["three nodes become three voters in one change", "Lss", "grow +id2,id3"],
    ["one stable learner is not enough to reach three", "Lsj", null],
    ["nine nodes become five voters in one change", "Lssssssss", "grow +id2,id3,id4,id5"],
    ["four of five stable: three voters first", "Lsssj", "grow +id2,id3"],
    ["a fourth node changes nothing", "Lvvs", null],
    ["a dead voter is exchanged for a stable learner", "Lvds", "replace +id4 -id3"],
    ["a dead voter without a stable learner stays", "Lvdj", null],
    ["an even number of voters shrinks, the dead one first", "Lvvd", "shrink -id4"],
    ["nothing is proposed without a live majority", "Lddss", null],
    ["two dead voters are exchanged one at a time", "Lvvddss", "replace +id6 -id4"],
  ])("%s", (_claim, kinds, expected) => {
    const plan = planVoters(members(kinds), policy);
    const text =
      plan === null
        ? null
        : [
            plan.reason,
            plan.promote.length > 0 ? `+${plan.promote}` : "",
            plan.demote.length > 0 ? `-${plan.demote}` : "",
          ]
            .filter((part) => part !== "")
            .join(" ");
    expect(text).toBe(expected);
  });
});
