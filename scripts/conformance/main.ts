/**
 * The conformance suite against real nodes: one, then three with the clients of each test spread over them.
 * See docs/conformance.md.
 */
import { Command } from "commander";
import type { Node } from "../../test/conformance/bench.ts";
import { chapters } from "../../test/conformance/cases.ts";
import { type CaseResult, runCases, runsOf } from "../../test/conformance/run.ts";
import { LocalCluster } from "../support/local-cluster.ts";
import { suiteAccess } from "./access.ts";
import { runPaho } from "./paho.ts";
import { describeExempt, describeResults } from "./report.ts";

/** Most of a test is waiting for the network. */
const testsAtOnce = 16;
const syncTimeoutMs = 60_000;

const program = new Command("conformance")
  .description(
    "The numbered statements of MQTT 3.1.1 and 5.0, each by its test, over the wire: on one node, then on three with the clients of each test spread over them. Exit 1 when a test fails or the two results differ. Needs `npm run build` before.",
  )
  .option("--only <pattern>", "only tests whose name matches this regular expression", ".")
  .option("--list", "instead: the statements without a test, and why", false)
  .option(
    "--broker <addresses>",
    "instead: against running nodes, HOST:PORT or HOST:PORT:WEBSOCKET-PORT of each, with commas between them",
  )
  .option(
    "--paho <directory>",
    "also Eclipse Paho's interoperability tests, from a checkout of paho.mqtt.testing",
  )
  .parse();
const values = program.opts<{
  only: string;
  list: boolean;
  broker?: string;
  paho?: string;
}>();

/** `HOST:PORT` or `HOST:PORT:WEBSOCKET-PORT` of each node, with commas between them. */
function nodesOf(text: string): Node[] {
  return text.split(",").map((address) => {
    const [host = "", mqtt = "", ws = "0"] = address.split(":");
    return { host, mqtt: Number(mqtt), ws: Number(ws) };
  });
}

function runAgainst(nodes: readonly Node[]): Promise<CaseResult[]> {
  const pattern = new RegExp(values.only);
  const cases = chapters.flatMap((chapter) => chapter.cases);
  const runs = runsOf(cases.filter(({ name }) => pattern.test(name)));
  return runCases(runs, nodes, testsAtOnce);
}

async function runOn(nodeCount: number): Promise<CaseResult[]> {
  const args = ["--log-level", "error", ...(await suiteAccess())];
  const cluster = await LocalCluster.start({ nodes: nodeCount, args });
  try {
    if (nodeCount > 1) await cluster.whenInSync(syncTimeoutMs);
    const nodes = cluster.nodes.map(({ ready }) => ({
      host: "127.0.0.1",
      mqtt: ready?.mqtt ?? 0,
      ws: ready?.ws ?? 0,
    }));
    return await runAgainst(nodes);
  } finally {
    await cluster.stop();
  }
}

async function main(): Promise<boolean> {
  if (values.list) {
    console.log(describeExempt());
    return true;
  }
  if (values.broker !== undefined) {
    const results = await runAgainst(nodesOf(values.broker));
    console.log(describeResults(values.broker, results, chapters));
    return results.every(({ failure }) => failure === null);
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

// Not only the exit code: a broker that does not close its sockets must not keep this process.
process.exit((await main()) ? 0 : 1);
