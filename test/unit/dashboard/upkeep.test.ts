import { expect, test } from "vitest";
import type { ClusterLine, DrainLine, NodeLine } from "../../../src/dashboard/model/api-types.ts";
import { barriersOf, drainVerdict } from "../../../src/dashboard/model/upkeep.ts";

function node(name: string, more: Partial<NodeLine> = {}): NodeLine {
  const base = { name, role: "follower", voter: true, state: "up", version: "1" };
  return { ...base, ...more } as NodeLine;
}

function cluster(nodes: readonly NodeLine[], quorum = true): ClusterLine {
  return { nodes, quorum, leader: "n1" } as unknown as ClusterLine;
}

const leader = node("n1", { role: "leader" });

test.each([
  ["the leader", leader, [leader, node("n2")], true, "leads already", null],
  ["another voter", node("n2"), [leader, node("n2")], true, null, null],
  ["a learner", node("n2", { voter: false }), [leader, node("n2")], true, "no vote", null],
  ["a node that is down", node("n2", { state: "down" }), [leader], true, "is down", "is down"],
  ["a node alone", leader, [leader, node("n2", { state: "down" })], true, "already", "No other"],
  ["a voter without quorum", node("n2"), [leader, node("n2")], false, "quorum", null],
] as const)("%s: what may be done with it, and why not", (_, which, nodes, quorum, lead, drain) => {
  const barriers = barriersOf(which, cluster(nodes, quorum));
  for (const [told, wanted] of [
    [barriers.lead, lead],
    [barriers.drain, drain],
  ] as const) {
    if (wanted === null) expect(told).toBeNull();
    else expect(told).toContain(wanted);
  }
});

test.each([
  ["off", null, null],
  ["moving", null, "n2 is being drained: 3 clients moved, 2 left."],
  ["moving", "no quorum", "n2: no quorum."],
  ["handing-over", null, "n2 hands over its leadership, 3 clients moved."],
  ["drained", null, "n2 is empty, 3 clients moved: it may be stopped."],
] as const)("a drain that is %s (%s) is told", (phase, problem, text) => {
  const drain: DrainLine = { node: "n2", phase, problem, clientsLeft: 2, clientsMoved: 3 };
  expect(drainVerdict(drain)?.text ?? null).toBe(text);
});
