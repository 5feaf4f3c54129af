import { describe, expect, test } from "vitest";
import {
  type AutopilotMember,
  planVoters,
  targetVoters,
} from "../../../cluster/members/autopilot-plan.ts";

const policy = { votersMax: 5, stabilizationMs: 2000, replaceVoterAfterMs: 30_000 };

/** `zones` has a letter for each. "L" leader, "v" voter, "s" stable learner, "j" learner that just joined, "d" voter down for a minute, "x" learner down. */
function members(kinds: string, zones = ""): AutopilotMember[] {
  return [...kinds].map((kind, i) => ({
    nodeId: `id${i + 1}`,
    name: `n${i + 1}`,
    zone: zones[i] ?? "",
    isVoter: "Lvd".includes(kind),
    isLeader: kind === "L",
    isHealthy: "Lvsj".includes(kind),
    healthyMs: kind === "j" ? 100 : "Lvs".includes(kind) ? 60_000 : 0,
    downMs: "dx".includes(kind) ? 60_000 : 0,
  }));
}

function planFor(all: readonly AutopilotMember[]): string | null {
  const plan = planVoters(all, policy);
  if (plan === null) return null;
  const { reason, promote, demote } = plan;
  const added = promote.length > 0 ? [`+${[...promote].sort()}`] : [];
  const removed = demote.length > 0 ? [`-${demote}`] : [];
  return [reason, ...added, ...removed].join(" ");
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
    expect(planFor(members(kinds))).toBe(expected);
  });

  test.each([
    ["growth takes one of each zone", "Lssss", "aabbc", "grow +id2,id3,id4,id5"],
    ["growth to three skips the leader's zone", "Lsssj", "aabcc", "grow +id3,id4"],
    ["a dead voter's place goes to the emptiest zone", "Lvdss", "abcac", "replace +id5 -id3"],
    ["a place in its own zone does not count as taken", "Lvdss", "aabab", "replace +id5 -id3"],
    ["voters leave the fullest zone", "Lvvv", "abbb", "shrink -id4"],
    ["the dead leave first, whatever their zone", "Ldvv", "abcc", "shrink -id2"],
    ["three voters of one rack are spread", "Lvvs", "aaab", "spread +id4 -id2"],
    ["two of three in a rack, the third elsewhere, stay", "Lvvs", "aabb", null],
    ["no exchange while a voter is not well", "Lvds", "aaab", "replace +id4 -id3"],
    ["a learner that just joined is not waited for", "Lvvj", "aaab", null],
    ["without zones nothing moves", "Lvvs", "", null],
  ])("%s", (_claim, kinds, zones, expected) => {
    expect(planFor(members(kinds, zones))).toBe(expected);
  });

  test("never takes leadership from the leader to spread voters, and comes to rest", () => {
    const all = members("Lvvvvssss", "aaaaabbcc");
    let steps = 0;
    for (let plan = planVoters(all, policy); plan !== null; plan = planVoters(all, policy)) {
      const { promote, demote } = plan;
      for (const [at, member] of all.entries()) {
        const isVoter = promote.includes(member.nodeId)
          ? true
          : demote.includes(member.nodeId)
            ? false
            : member.isVoter;
        all[at] = { ...member, isVoter };
      }
      steps++;
      expect(steps).toBeLessThan(10);
    }
    const zones = all.filter((member) => member.isVoter).map((member) => member.zone);
    expect(zones.sort().join("")).toBe("aabbc");
    expect(all[0]?.isVoter).toBe(true);
  });

  test("replaces nobody when told never to", () => {
    const never = { ...policy, replaceVoterAfterMs: Number.POSITIVE_INFINITY };
    expect(planVoters(members("Lvds"), never)).toBeNull();
  });
});
