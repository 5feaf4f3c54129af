/**
 * The conformance suite against real nodes: one, then three with the clients of each test spread over them.
 * See docs/conformance.md.
 */
import { parseArgs } from "node:util";
import { chapters } from "../../test/conformance/cases.ts";
import { type CaseResult, runCases, runsOf } from "../../test/conformance/run.ts";
import { LocalCluster } from "../support/local-cluster.ts";
import { runPaho } from "./paho.ts";
import { describeExempt, describeResults } from "./report.ts";

/** Most of a test is waiting for the network. */
const testsAtOnce = 16;
const syncTimeoutMs = 60_000;

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "." },
    list: { type: "boolean", default: false },
    paho: { type: "string" },
  },
});

async function runOn(nodeCount: number): Promise<CaseResult[]> {
  const cluster = await LocalCluster.start({ nodes: nodeCount, args: ["--log-level", "error"] });
  try {
    if (nodeCount > 1) await cluster.whenInSync(syncTimeoutMs);
    const nodes = cluster.nodes.map(({ ready }) => ({
      host: "127.0.0.1",
      mqtt: ready?.mqtt ?? 0,
      ws: ready?.ws ?? 0,
    }));
    const pattern = new RegExp(values.only);
    const cases = chapters.flatMap((chapter) => chapter.cases);
    const runs = runsOf(cases.filter(({ name }) => pattern.test(name)));
    return await runCases(runs, nodes, testsAtOnce);
  } finally {
    await cluster.stop();
  }
}

async function main(): Promise<boolean> {
  if (values.list) {
    console.log(describeExempt());
    return true;
  }
  const one = await runOn(1);
  console.log(describeResults("one node", one, chapters));
  const three = await runOn(3);
  console.log(describeResults("three nodes, clients spread over them", three, chapters));
  const isSame = one.every(
    ({ failure }, at) => (failure === null) === (three[at]?.failure === null),
  );
  console.log(isSame ? "the same results on both" : "the results differ");
  console.log("--list names the statements without a test, and why");
  const isPassed = [...one, ...three].every(({ failure }) => failure === null);
  const isPahoPassed = values.paho === undefined || (await runPaho(values.paho));
  return isPassed && isPahoPassed;
}

process.exitCode = (await main()) ? 0 : 1;
