/** Cuts the network between real nodes and checks both sides: `npm run chaos:partition -- --help`. Needs root. */
import { Command, Option } from "commander";
import { NamespaceCluster, pause } from "./namespace-cluster.ts";
import { type CutKind, cutKinds, Namespaces } from "./namespaces.ts";
import { cutSecondsMin, PartitionRound, type RoundResult } from "./partition-round.ts";

const program = new Command("chaos:partition")
  .description(
    "Five real nodes in network namespaces; two are cut off, the leader among them in every other round. The majority must acknowledge within 2 s, the minority acknowledge no retained write and let QoS 0 flow; after healing the replicas must agree within 30 s and hold all that was acknowledged. Exit 1 when not, 3 where namespaces are not permitted.",
  )
  .addOption(
    new Option("--cut <kind>", "what is lost, seen from the minority; all: one after the other")
      .choices([...cutKinds, "all"])
      .default("both"),
  )
  .option("--rounds <count>", "rounds of each kind", "2")
  .option("--seconds <count>", "how long a cut lasts, at least 14", String(cutSecondsMin))
  .option("--json", "print the result as JSON only")
  .parse();
const options = program.opts<{
  cut: CutKind | "all";
  rounds: string;
  seconds: string;
  json?: boolean;
}>();
const seconds = Math.max(cutSecondsMin, Number(options.seconds) || 0);
const nodeCount = 5;
const votersTimeoutMs = 60_000;

process.exitCode = await main();

async function main(): Promise<number> {
  let network: Namespaces;
  try {
    network = Namespaces.create(nodeCount);
  } catch (error) {
    console.error(`chaos:partition needs root and iproute2: ${(error as Error).message}`);
    return 3;
  }
  let cluster: NamespaceCluster | null = null;
  const cleanUp = async (): Promise<void> => {
    await cluster?.stop();
    network.remove();
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void cleanUp().finally(() => process.exit(130)));
  }
  try {
    cluster = await NamespaceCluster.start(network);
    const kinds = options.cut === "all" ? cutKinds : [options.cut];
    const results = await runAll(cluster, kinds);
    if (options.json === true) console.log(JSON.stringify(results));
    return results.every(({ violations }) => violations.length === 0) ? 0 : 1;
  } catch (error) {
    console.error((error as Error).message);
    return 1;
  } finally {
    await cleanUp();
  }
}

async function runAll(
  cluster: NamespaceCluster,
  kinds: readonly CutKind[],
): Promise<readonly RoundResult[]> {
  const results: RoundResult[] = [];
  for (const kind of kinds) {
    for (let i = 0; i < Number(options.rounds); i++) {
      const leader = await leaderOf(cluster);
      const others = cluster.nodes.map((_, index) => index).filter((index) => index !== leader);
      const withLeader = i % 2 === 0;
      const minority = withLeader ? [leader, others[i % others.length] ?? 0] : others.slice(0, 2);
      const round = new PartitionRound(cluster, results.length + 1, { kind, minority, seconds });
      const result = await round.run(withLeader);
      results.push(result);
      describe(result, results.length);
    }
  }
  return results;
}

/** Once all five vote, so that two are a minority. */
async function leaderOf(cluster: NamespaceCluster): Promise<number> {
  const deadlineMs = performance.now() + votersTimeoutMs;
  for (;;) {
    const { exitCode, status } = await cluster.status(0, 10);
    const voters = status?.nodes.filter((node) => node.voter).length ?? 0;
    const leader = cluster.nodes.findIndex((_, i) => `n${i + 1}` === status?.leader);
    if (exitCode === 0 && voters === nodeCount && leader >= 0) return leader;
    if (performance.now() > deadlineMs) throw new Error(`${voters} of ${nodeCount} nodes vote`);
    await pause(200);
  }
}

function describe(result: RoundResult, number: number): void {
  for (const violation of result.violations) console.error(`round ${number}: ${violation}`);
  if (options.json === true) return;
  const { kind, minority, hasLeader, outageMs, longestGapMs, newFlowMs } = result;
  console.log(
    `round ${number}  cut ${kind}  minority ${minority.join(" ")}${hasLeader ? " with the leader" : ""}\n` +
      `  majority: writes acknowledged again after ${outageMs.join(", ")} ms\n` +
      `  minority: QoS 0 never silent longer than ${longestGapMs.join(", ")} ms; between new clients after ${newFlowMs} ms; ` +
      `unacknowledged writes ended after ${result.heldMs.join(", ")} ms\n` +
      `  healed: in sync after ${result.syncMs} ms; ${result.acknowledged} acknowledged topics on every node; ` +
      `unacknowledged ones ${result.heldArePresent.map((is) => (is ? "present" : "absent")).join(", ")} everywhere`,
  );
}
