import { beforeEach, expect, onTestFinished, test } from "vitest";
import { ClusterError } from "#cluster";
import { ApiServer } from "../../../src/api/server.ts";
import { runProgram } from "../../../src/cli/program.ts";
import type { Terminal } from "../../../src/cli/terminal.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { drainState, FakeNodePort } from "../../support/fake-node-port.ts";
import { silentLog } from "../../support/silent-log.ts";

let node: FakeNodePort;
let out: string[];
let err: string[];
let nowMs: number;

beforeEach(() => {
  node = new FakeNodePort();
  out = [];
  err = [];
  nowMs = 0;
});

async function run(...argv: string[]): Promise<number> {
  const server = new ApiServer({ node, clock: new FakeClock(), log: silentLog, isOpen: false });
  onTestFinished(() => server.close());
  const port = await server.listen("127.0.0.1", 0);
  const terminal: Terminal = {
    environment: {},
    out: (text) => out.push(...text.split("\n")),
    err: (text) => err.push(text),
    monotonicMs: () => nowMs,
    sleep: async (durationMs) => {
      nowMs += durationMs;
    },
  };
  return runProgram([...argv, "--url", `http://127.0.0.1:${port}`], {}, terminal);
}

test("status --verify says of how many disks it is true", async () => {
  expect(await run("status", "--verify")).toBe(0);
  expect(out.at(-1)).toContain("the disks of 1 replica hold it, as of index 118");
  expect(await run("status", "--verify", "--json")).toBe(0);
  expect(JSON.parse(out.at(-1) ?? "")).toMatchObject({ verified: { index: 118, replicas: 1 } });
});

test("transfer names the new leader; a refusal is one line and status 1", async () => {
  expect(await run("transfer")).toBe(0);
  expect(await run("transfer", "n3")).toBe(0);
  expect(out).toEqual(["n2 leads now", "n3 leads now"]);
  node.transferLeadership = () =>
    Promise.reject(new ClusterError("change-refused", "no other live voter can take over"));
  expect(await run("transfer", "n4")).toBe(1);
  expect(err).toEqual([
    "cluster: leadership was not transferred: no other live voter can take over",
  ]);
});

test("snapshot says where the logs begin, and answers 1 when a node did not answer", async () => {
  expect(await run("snapshot")).toBe(0);
  expect(await run("snapshot", "n7")).toBe(0);
  node.compacted = [
    { name: "n1", index: 7 },
    { name: "n2", index: null },
  ];
  expect(await run("snapshot")).toBe(1);
  expect(out).toEqual([
    "n1: the log begins behind index 120",
    "n7: the log begins behind index 120",
    "n1: the log begins behind index 7",
    "n2 did not answer",
  ]);
});

test("safe-to-stop answers 0, or 1 with the reasons", async () => {
  expect(await run("safe-to-stop", "n1")).toBe(0);
  node.risks = ["it is needed"];
  expect(await run("safe-to-stop", "n1")).toBe(1);
  expect(await run("safe-to-stop", "n1", "--json")).toBe(1);
  expect(out).toEqual([
    "n1 is safe to stop",
    "n1 is NOT safe to stop",
    "  - it is needed",
    '{"nodes":["n1"],"isSafe":false,"reasons":["it is needed"]}',
  ]);
});

test("safe-to-stop takes several nodes that are to be stopped together", async () => {
  expect(await run("safe-to-stop", "n1", "n2")).toBe(0);
  node.risks = ["without them 1 of 3 voters are up"];
  expect(await run("safe-to-stop", "n1", "n2")).toBe(1);
  expect(out).toEqual([
    "n1, n2 are safe to stop",
    "n1, n2 are NOT safe to stop",
    "  - without them 1 of 3 voters are up",
  ]);
  expect(await run("safe-to-stop")).toBe(2);
});

test("a member that nobody knows is 1 as well, in one line", async () => {
  node.stopRisks = () => Promise.reject(new ClusterError("unknown-node", 'no member "n9"'));
  expect(await run("safe-to-stop", "n9")).toBe(1);
  expect(err).toEqual(['cluster: nobody knows whether n9 is safe to stop: no member "n9"']);
});

test("drain waits until the node is empty, then says whether it is safe to stop", async () => {
  node.drainStates = [
    drainState("moving", { clientsLeft: 12, clientsMoved: 0 }),
    drainState("moving", { clientsLeft: 5, clientsMoved: 7 }),
    drainState("handing-over", { problem: "an election is under way" }),
    drainState("drained"),
  ];
  expect(await run("drain", "n2", "--rate", "20")).toBe(0);
  expect(node.drained).toEqual([["n2", 20]]);
  expect(out).toEqual([
    "n2: 12 clients to move, 20 a second",
    "n2 is drained, 12 clients moved",
    "n2 is safe to stop",
  ]);
  node.risks = ["it is needed"];
  expect(await run("drain", "n2", "--json")).toBe(1);
  expect(node.drained.at(-1)).toEqual(["n2", 500]);
  expect(JSON.parse(out.at(-1) ?? "")).toEqual({
    drain: { node: "n2", phase: "drained", clientsLeft: 0, clientsMoved: 12, problem: null },
    nodes: ["n2"],
    isSafe: false,
    reasons: ["it is needed"],
  });
});

test("a drain that cannot end says why, and answers 1", async () => {
  node.drainStates = [drainState("handing-over", { problem: "no other live voter" })];
  expect(await run("drain", "n2")).toBe(1);
  expect(nowMs).toBeGreaterThan(10_000);
  node.drainStates = [drainState("moving"), drainState("off")];
  expect(await run("drain", "n2")).toBe(1);
  expect(out.filter((line) => line.includes("NOT"))).toEqual([
    "n2 is NOT drained yet: no other live voter",
    "n2 is NOT drained: it was cancelled, or the node was restarted",
  ]);
  node.failure = new ClusterError("change-refused", "no other node is ready to take its clients");
  node.clusterStatus = async () => node.status;
  expect(await run("drain", "n2")).toBe(1);
  expect(err).toEqual(["cluster: n2 is not drained: no other node is ready to take its clients"]);
});

test("drain --cancel, and rates that are none", async () => {
  expect(await run("drain", "n2", "--cancel")).toBe(0);
  expect(out).toEqual(["n2 takes clients"]);
  for (const rate of ["0", "fast", "1000000"]) {
    expect(await run("drain", "n2", "--rate", rate)).toBe(2);
  }
  expect(node.drained).toEqual([]);
});
