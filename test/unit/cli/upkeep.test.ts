import { beforeEach, expect, onTestFinished, test } from "vitest";
import { ClusterError } from "#cluster";
import { ApiServer } from "../../../src/api/server.ts";
import { runProgram } from "../../../src/cli/program.ts";
import type { Terminal } from "../../../src/cli/terminal.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeNodePort } from "../../support/fake-node-port.ts";
import { silentLog } from "../../support/silent-log.ts";

let node: FakeNodePort;
let out: string[];
let err: string[];

beforeEach(() => {
  node = new FakeNodePort();
  out = [];
  err = [];
});

async function run(...argv: string[]): Promise<number> {
  const server = new ApiServer({ node, clock: new FakeClock(), log: silentLog, isOpen: false });
  onTestFinished(() => server.close());
  const port = await server.listen("127.0.0.1", 0);
  const terminal: Terminal = {
    environment: {},
    out: (text) => out.push(...text.split("\n")),
    err: (text) => err.push(text),
    monotonicMs: () => 0,
    sleep: () => Promise.resolve(),
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
