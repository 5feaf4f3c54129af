import { expect, test } from "vitest";
import {
  changesBetween,
  digestVerdict,
  inOrder,
  lagOf,
  quorumVerdict,
  ringPlaces,
  totals,
} from "../../../src/dashboard/model/cluster-facts.ts";
import { clusterStatus, nodeStatus } from "../../support/fake-node-port.ts";

const three = clusterStatus([
  nodeStatus("n10", { role: "follower", appliedIndex: 100, connections: 1 }),
  nodeStatus("n2", { role: "follower", connections: 2 }),
  nodeStatus("n1", { connections: 4 }),
]);

test("the quorum is told with what it takes until it is lost", () => {
  expect(quorumVerdict(three)).toMatchObject({ tone: "ok", title: "Quorum" });
  expect(quorumVerdict(three).detail).toBe("3 of 3 voters up, 2 needed: 1 may fail.");
  const [a, b, c] = three.nodes;
  const hurt = clusterStatus([a!, b!, { ...c!, state: "down" }]);
  expect(quorumVerdict(hurt)).toMatchObject({ tone: "warn", title: "Quorum, no spare" });
  const lost = clusterStatus([a!, { ...b!, state: "down" }, { ...c!, state: "down" }], {
    quorum: false,
  });
  expect(quorumVerdict(lost)).toMatchObject({ tone: "bad", title: "No quorum" });
  expect(quorumVerdict(clusterStatus([c!])).detail).toContain("no replica yet");
});

test("a node's lag is counted from the newest commit that is known; one that is away has none", () => {
  expect(lagOf(three.nodes[0]!, three)).toBe(20);
  expect(lagOf(three.nodes[1]!, three)).toBe(0);
  expect(lagOf({ ...three.nodes[0]!, state: "down" }, three)).toBeNull();
});

test("digests are compared only where the index is the same", () => {
  const [a, b, c] = three.nodes;
  expect(digestVerdict(a!, three)).toBe("same");
  const different = clusterStatus([{ ...a!, digest: "ffff" }, b!, c!]);
  expect(digestVerdict(different.nodes[0]!, different)).toBe("differs");
  const ahead = clusterStatus([{ ...a!, digest: "ffff", digestIndex: 119 }, b!, c!]);
  expect(digestVerdict(ahead.nodes[0]!, ahead)).toBe("unknown");
});

test("the leader comes first, then voters by name with numbers as numbers, then learners", () => {
  const learner = nodeStatus("n0", { role: "learner", voter: false });
  const names = inOrder([learner, ...three.nodes]).map(({ name }) => name);
  expect(names).toEqual(["n1", "n2", "n10", "n0"]);
});

test("connections add up, what is replicated does not", () => {
  expect(totals(three)).toEqual({ connections: 7, sessions: 21, retained: 10, devices: 3 });
});

test("what happened between two looks is said in words", () => {
  const [a, b, c] = three.nodes;
  const later = clusterStatus(
    [{ ...b!, role: "leader" }, { ...c!, state: "down" }, nodeStatus("n4", { role: "follower" })],
    { leader: "n2", term: 5, quorum: false },
  );
  expect(changesBetween(null, three)).toEqual([]);
  expect(changesBetween(three, three)).toEqual([]);
  expect(changesBetween(three, later)).toEqual([
    "n1 is down",
    "n4 joined",
    `${a!.name} left`,
    "n2 leads, term 5",
    "no quorum",
  ]);
});

test("nodes stand on a circle with the first on top; one alone in the middle", () => {
  expect(ringPlaces(1)).toEqual([{ x: 0.5, y: 0.5 }]);
  const [first, ...rest] = ringPlaces(3);
  expect(first?.x).toBeCloseTo(0.5);
  expect(first?.y).toBeCloseTo(0);
  for (const { y } of rest) expect(y).toBeCloseTo(1);
});
