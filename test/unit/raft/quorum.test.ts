import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isQuorum, quorumIndex, voteResult } from "../../../cluster/raft/quorum.ts";
import type { Configuration } from "../../../cluster/raft/types.ts";
import { configurationOf, nodeIdOf, nodeNumber } from "../../support/raft/nodes.ts";

function joint(voters: readonly number[], outgoing: readonly number[]): Configuration {
  return { ...configurationOf(voters), votersOutgoing: outgoing.map(nodeIdOf) };
}

function indexOf(configuration: Configuration, matches: readonly number[]): number {
  return quorumIndex(configuration, (nodeId) => matches[nodeNumber(nodeId) - 1] ?? 0);
}

describe("quorumIndex", () => {
  test.each([
    [[1], [7], 7],
    [[1, 2], [7, 3], 3],
    [[1, 2, 3], [7, 3, 5], 5],
    [[1, 2, 3, 4], [7, 3, 5, 4], 4],
    // Two of five are no majority, whatever order they come in (openraft #1802).
    [[1, 2, 3, 4, 5], [100, 9, 20, 0, 0], 9],
  ])("of voters %j with matches %j is %i", (voters, matches, expected) => {
    expect(indexOf(configurationOf(voters), matches)).toBe(expected);
  });

  test("numbers are compared as numbers", () => {
    expect(indexOf(configurationOf([1, 2, 3]), [9, 10, 100])).toBe(10);
  });

  test("a joint decision needs both majorities", () => {
    expect(indexOf(joint([1, 2, 3], [3, 4, 5]), [9, 9, 9, 2, 1])).toBe(2);
  });

  test("is the highest index that a majority has reached", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { minLength: 1, maxLength: 7 }), (matches) => {
        const configuration = configurationOf(matches.map((_, at) => at + 1));
        const reached = (index: number): boolean =>
          matches.filter((match) => match >= index).length > matches.length / 2;
        const index = indexOf(configuration, matches);
        expect(reached(index)).toBe(true);
        expect(reached(index + 1)).toBe(false);
      }),
    );
  });
});

describe("voteResult", () => {
  const votes = new Map([
    [nodeIdOf(1), true],
    [nodeIdOf(2), true],
    [nodeIdOf(4), false],
    [nodeIdOf(5), false],
  ]);

  test.each([
    [[1, 2, 3], [], "won"],
    [[3, 4, 5], [], "lost"],
    [[1, 3, 4], [], "pending"],
    [[1, 2, 3], [1, 2], "won"],
    [[1, 2, 3], [4, 5], "lost"],
    [[1, 2, 3], [1, 3, 4], "pending"],
  ] as const)("of voters %j and outgoing %j is %s", (voters, outgoing, expected) => {
    expect(voteResult(joint(voters, outgoing), votes)).toBe(expected);
  });
});

test("learners agree to nothing", () => {
  const configuration = configurationOf([1, 2, 3], [4, 5]);
  expect(isQuorum(configuration, (nodeId) => nodeNumber(nodeId) !== 1)).toBe(true);
  expect(isQuorum(configuration, (nodeId) => nodeNumber(nodeId) > 2)).toBe(false);
});
