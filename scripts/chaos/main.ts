/** Kills and hangs nodes of a real cluster under load and checks that nothing acknowledged was lost: `npm run chaos -- --help`. */
import { Command, InvalidArgumentError, Option } from "commander";
import { LocalCluster } from "../support/local-cluster.ts";
import { seededRandom } from "../support/random.ts";
import { History, percentile } from "./history.ts";
import { Load, Watchers } from "./load.ts";
import { runMode } from "./modes.ts";
import { kindOfRound, Nemesis, type Strike } from "./nemesis.ts";
import { Probes } from "./probe.ts";
import { readBack } from "./read-back.ts";

const program = new Command("chaos")
  .description(
    "Real nodes, MQTT.js clients writing QoS 1 retained values and device state, nodes killed (kill -9) and hung (SIGSTOP). Exit 1 when an acknowledged write is missing on a node, the order of a publisher was not kept, or the replicas differ.",
  )
  .option("--rounds <count>", "strikes", numberText, "20")
  .option("--nodes <count>", "nodes", numberText, "5")
  .option("--writers <count>", "writing clients", numberText, "8")
  .option("--subscribers <count>", "with --sessions: sessions that read", numberText, "12")
  .option("--keys <count>", "keys per writer, half retained, half device state", numberText, "20")
  .option(
    "--seed <number>",
    "of the choices; printed, so that a run can be repeated",
    numberText,
    String(Date.now() % 1_000_000),
  )
  .option(
    "--all",
    "instead: every nemesis in turn, with clients whose history must be linearizable",
  )
  .option(
    "--sessions",
    "instead: nodes killed, hung and restarted under stored sessions, which must get every message, at QoS 2 exactly once, in order; and connections that fight for client identifiers",
  )
  .option("--wills <clients>", "instead: kill -9 of nodes of three with so many clients with Wills")
  .option(
    "--rolling",
    "instead: SIGTERM and restart of each node under QoS 1 between stored sessions",
  )
  .option(
    "--retained [topics]",
    "instead: so many topics (1000) retained on one node and read at once by a new subscriber on another, and topics with 100 racing writers",
  )
  .option("--minutes <count>", "with --all and --sessions: how long", numberText, "30")
  .option(
    "--least <runs>",
    "with --all: each nemesis at least so often, or the run has failed",
    numberText,
    "2",
  )
  .option("--only <text>", "with --all and --sessions: only nemeses with this in their name", "")
  .addOption(new Option("--within <prefix>").hideHelp())
  .option(
    "--flip",
    "instead: flip a byte in the middle of a stopped follower's log, then of its database's log, then of a table, and show what the node does about it",
  )
  .option(
    "--failover <rounds>",
    "instead: strike the leader of three nodes so often with kill -9, with SIGSTOP and by isolating it (Linux, root), and measure",
    numberText,
  )
  .option(
    "--idle <minutes>",
    "instead: no change of the leader in so many minutes without load, and with 80 % of it",
    numberText,
  )
  .option(
    "--power-loss <rounds>",
    "instead: all of three nodes keep only what they synced",
    numberText,
  )
  .option(
    "--lying-disk",
    "with --power-loss: syncs save nothing at last, so that writes must be lost",
  )
  .option("--json", "print the result as JSON only")
  .parse();
const options = program.opts<{
  rounds: string;
  nodes: string;
  writers: string;
  subscribers: string;
  keys: string;
  seed: string;
  all?: boolean;
  sessions?: boolean;
  wills?: string;
  rolling?: boolean;
  retained?: string | true;
  minutes: string;
  least: string;
  only: string;
  within?: string;
  flip?: boolean;
  failover?: string;
  idle?: string;
  powerLoss?: string;
  lyingDisk?: boolean;
  json?: boolean;
}>();
const { retained } = options;
const modeOptions = {
  ...options,
  ...(retained === undefined ? {} : { retained: retained === true ? "1000" : retained }),
} as Parameters<typeof runMode>[0];
const modeExitCode = await runMode(modeOptions).catch((error: Error) => {
  console.error(error.message);
  return 1;
});
if (modeExitCode !== null) process.exit(modeExitCode);

const say = (text: string): void => {
  if (options.json !== true) console.log(text);
};
const random = seededRandom(Number(options.seed));
const nodeCount = Number(options.nodes);
const votersTimeoutMs = 60_000;
const syncTimeoutMs = 60_000;

say(`chaos: ${nodeCount} nodes, ${options.rounds} rounds, seed ${options.seed}`);
const cluster = await LocalCluster.start({ nodes: nodeCount });
const outages = { first: [] as number[], all: [] as number[] };
const history = new History();
let exitCode = 0;
try {
  await whenVotersAreComplete();
  const ports = cluster.nodes.map(({ ready }) => ready?.mqtt ?? 0);
  const watchers = new Watchers(ports, history);
  const load = new Load(
    { ports, writers: Number(options.writers), keysPerWriter: Number(options.keys), window: 8 },
    history,
  );
  const probes = new Probes(ports.map((port) => ({ host: "127.0.0.1", port })));
  load.start();
  await pause(1500);
  for (let round = 0; round < Number(options.rounds); round++) await strikeOnce(round, probes);
  await probes.stop();
  const unacknowledged = await load.stop(20_000);
  const status = await cluster.whenInSync(syncTimeoutMs);
  await watchers.stop();
  await readBack(cluster, history);
  report(unacknowledged, new Set(status.nodes.map((node) => node.digest)).size === 1);
} catch (error) {
  console.error((error as Error).message);
  exitCode = 1;
} finally {
  await cluster.stop();
}
process.exit(exitCode);

async function strikeOnce(round: number, probes: Probes): Promise<void> {
  const nemesis = new Nemesis(cluster, random);
  await probes.whenFlowing(10_000);
  const before = history.acknowledgedCount;
  const strike = await nemesis.strike(kindOfRound(round));
  const downMs = strike.kind.startsWith("pause") ? 1000 + random() * 4000 : 1000 + random() * 2000;
  await pause(downMs);
  await nemesis.undo(strike);
  const status = await cluster.whenInSync(syncTimeoutMs);
  await pause(300);
  const outage = measure(strike, probes);
  say(
    `round ${String(round + 1).padStart(3)}  ${strike.kind.padEnd(14)} ${strike.victims
      .map((i) => `n${i + 1}`)
      .join(",")
      .padEnd(
        14,
      )}  first write again after ${ms(outage.firstMs)}, on every surviving node after ${ms(outage.allMs)}  +${history.acknowledgedCount - before} acknowledged, leader ${status.leader}, term ${status.term}`,
  );
}

function measure(strike: Strike, probes: Probes): { firstMs: number; allMs: number } {
  const survivors = cluster.nodes.map((_, i) => i).filter((i) => !strike.victims.includes(i));
  if (survivors.length === 0) return { firstMs: Number.NaN, allMs: Number.NaN };
  const outage = probes.outage(strike.atMs, survivors);
  if (!Number.isFinite(outage.allMs)) say(`          no figure: ${probes.describe()}`);
  if (strike.kind === "kill-leader") {
    outages.first.push(outage.firstMs);
    outages.all.push(outage.allMs);
  }
  return outage;
}

function report(unacknowledged: number, isSameDigest: boolean): void {
  const violations = history.violations();
  const count = (kind: string): number => violations.filter((one) => one.kind === kind).length;
  const result = {
    seed: Number(options.seed),
    rounds: Number(options.rounds),
    nodes: nodeCount,
    acknowledged: history.acknowledgedCount,
    unacknowledgedAtTheEnd: unacknowledged,
    lost: count("lost"),
    outOfOrder: count("order"),
    phantom: count("phantom"),
    sameDigestEverywhere: isSameDigest,
    outageAfterLeaderKillMs: {
      kills: outages.first.length,
      firstWriteP50: round1(percentile(outages.first, 0.5)),
      firstWriteP99: round1(percentile(outages.first, 0.99)),
      everySurvivorP50: round1(percentile(outages.all, 0.5)),
      everySurvivorP99: round1(percentile(outages.all, 0.99)),
    },
  };
  console.log(JSON.stringify(result, null, options.json === true ? 0 : 2));
  for (const { kind, key, where, detail } of violations.slice(0, 100)) {
    console.error(`${kind}: ${key} on ${where}: ${detail}`);
  }
  if (violations.length > 0 || !isSameDigest) exitCode = 1;
}

async function whenVotersAreComplete(): Promise<void> {
  const wanted = nodeCount >= 5 ? 5 : nodeCount >= 3 ? 3 : 1;
  const deadlineMs = performance.now() + votersTimeoutMs;
  for (;;) {
    const status = await cluster.whenInSync(votersTimeoutMs);
    if (status.nodes.filter((node) => node.voter).length === wanted) return;
    if (performance.now() > deadlineMs) throw new Error(`there are not ${wanted} voters yet`);
    await pause(200);
  }
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}

function ms(value: number): string {
  return !Number.isFinite(value) ? "-" : `${value.toFixed(0)} ms`;
}

function round1(value: number): number {
  return Math.round(value * 10) / 10;
}

/** The text of a number of which there may be none; kept as text, since every run reads what it needs. */
function numberText(text: string): string {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value >= 0) return text;
  throw new InvalidArgumentError("It must be a number, 0 or more.");
}
