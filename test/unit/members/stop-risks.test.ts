import { describe, expect, test } from "vitest";
import { stopRisks } from "../../../cluster/members/stop-risks.ts";
import type { NodeStatus } from "../../../cluster/status.ts";
import { clusterStatus, nodeStatus } from "../../support/fake-node-port.ts";

const quiet = { sessions: 2, connections: 2 };

function three(...changes: readonly Partial<NodeStatus>[]) {
  return clusterStatus(
    ["n1", "n2", "n3"].map((name, at) => nodeStatus(name, { ...quiet, ...changes[at] })),
  );
}

describe("stopping a node", () => {
  test("of three healthy ones costs nothing", () => {
    for (const name of ["n1", "n2", "n3"]) expect(stopRisks(three(), [name])).toEqual([]);
  });

  test.each<[string, Partial<NodeStatus>]>([
    ["is down", { state: "down" }],
    ["is suspect", { state: "suspect" }],
    ["is far behind", { appliedIndex: 120, commitIndex: 120 }],
  ])("while another voter %s costs the majority, unless it is that one", (_what, change) => {
    const far = { commitIndex: 5000, appliedIndex: 5000 };
    const status = three(far, { ...far, ...change }, far);
    expect(stopRisks(status, ["n1"])).toEqual([
      "without it 1 of 3 voters are up and in step, 2 are needed",
    ]);
    expect(stopRisks(status, ["n2"])).toEqual([]);
  });

  test("that alone votes is never safe, a learner beside it is", () => {
    const status = clusterStatus([
      nodeStatus("n1", quiet),
      nodeStatus("n2", { ...quiet, voter: false, role: "learner" }),
    ]);
    expect(stopRisks(status, ["n1"])).toEqual([
      "without it 0 of 1 voters are up and in step, 1 are needed",
    ]);
    expect(stopRisks(status, ["n2"])).toEqual([]);
  });

  test("with stored sessions of clients that are away costs nothing: the log has them", () => {
    const status = three({}, { sessions: 5, connections: 3 });
    for (const name of ["n1", "n2", "n3"]) expect(stopRisks(status, [name])).toEqual([]);
  });

  test("may be safe for each of two and not for both", () => {
    expect(stopRisks(three(), ["n1", "n2"])).toEqual([
      "without them 1 of 3 voters are up and in step, 2 are needed",
    ]);
    const five = clusterStatus(
      ["n1", "n2", "n3", "n4", "n5"].map((name) => nodeStatus(name, quiet)),
    );
    expect(stopRisks(five, ["n1", "n2"])).toEqual([]);
  });

  test("without a quorum is not safe", () => {
    expect(stopRisks({ ...three(), quorum: false }, ["n1"])).toEqual([
      "the cluster has no quorum now",
    ]);
  });
});
