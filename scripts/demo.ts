/**
 * The main job in one command: three real nodes, a robot fleet through real MQTT clients, the dashboard with its map, a live table;
 * and one node after the other is killed and comes back, while whoever looks sees the robots move on.
 */
import { Command } from "commander";
import { Fleet } from "./fleet/fleet.ts";
import { type KillStep, killScript } from "./support/kill-script.ts";
import { LocalCluster, type StatusAnswer } from "./support/local-cluster.ts";

const program = new Command("demo")
  .description(
    "Starts three FlockMQ nodes and a simulated robot fleet, shows them live, kills a node now and then, and ends cleanly.",
  )
  .option("--nodes <count>", "nodes", "3")
  .option("--robots <count>", "robots", "200")
  .option("--rate <hz>", "coordinates per robot and second", "5")
  .option("--seconds <count>", "end after that long; 0 = run until Ctrl-C", "0")
  .option("--no-kill", "leave all nodes alive")
  .parse();
const options = program.opts<{
  nodes: string;
  robots: string;
  rate: string;
  seconds: string;
  kill: boolean;
}>();
const wanted = Number(options.nodes);
const syncTimeoutMs = 20_000;

let isRunning = false;
let isEnding = false;
/** The first one ends it properly, once it has begun; another one at once. */
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    if (!isRunning || isEnding) process.exit(130);
    void end();
  });
}

const started = performance.now();
console.log(`Starting ${wanted} nodes...`);
const cluster = await LocalCluster.start({ nodes: wanted, isApart: true });
for (const { ready } of cluster.nodes) {
  if (ready === null) continue;
  console.log(
    `  ${ready.node}  mqtt://127.0.0.1:${ready.mqtt}  ws://127.0.0.1:${ready.ws}/mqtt  http://127.0.0.1:${ready.http}`,
  );
}
const fleet = new Fleet({
  urls: cluster.nodes.map(({ ready }) => `mqtt://127.0.0.1:${ready?.mqtt}`),
  robots: Number(options.robots),
  rateHz: Number(options.rate),
  qos: 1,
  prefix: "robot",
  sizeM: 100,
  random: Math.random,
});
fleet.start();
const http = cluster.nodes[0]?.ready?.http;
console.log(`\nOpen the map:  http://127.0.0.1:${http}/map`);
console.log(`the cluster:   http://127.0.0.1:${http}/cluster`);
const steps = options.kill ? killScript(Number(options.seconds), wanted) : [];
for (const step of steps.slice(0, 2)) console.log(`  at ${whenText(step)}`);
console.log("\nTry, in another terminal:");
console.log(`  curl -s http://127.0.0.1:${http}/api/v1/devices/robot1`);
console.log(
  `  curl -s -X POST -H 'content-type: application/json' -d '{"command":"slam"}' http://127.0.0.1:${http}/api/commands/robot1`,
);
console.log(`  npx cluster status --url http://127.0.0.1:${http}`);
console.log(`  kill -9 ${cluster.nodes.at(-1)?.ready?.pid}   # then look at the table\n`);

let lastSent = 0;
let lastAcknowledged = 0;
let linesShown = 0;
let lastStep = "";
const report = setInterval(() => void show(), 1000);
const timers = steps.map((step) => setTimeout(() => take(step), step.atSeconds * 1000));

function whenText({ atSeconds, action, node }: KillStep): string {
  const what = action === "kill" ? "kill -9" : "start again";
  return `${Math.round(atSeconds)} s: ${what} n${node + 1}`;
}

/** A node that somebody else has killed, or started, is left as it is. */
function take(step: KillStep): void {
  if (isEnding) return;
  const node = cluster.nodeAt(step.node);
  if (step.action === "kill" && node.isRunning) node.signal("SIGKILL");
  else if (step.action === "restart" && !node.isRunning) cluster.restart(step.node);
  lastStep = whenText(step);
}

async function show(): Promise<void> {
  const status = await cluster.status();
  if (isEnding) return;
  const { sent, acknowledged, connected, commands } = fleet.figures;
  const seconds = Math.round((performance.now() - started) / 1000);
  const lines = [
    `${String(seconds).padStart(4)} s  robots ${connected}/${options.robots}  published ${sent - lastSent}/s  acknowledged ${acknowledged - lastAcknowledged}/s  total ${acknowledged}  commands obeyed ${commands}`,
    ...table(status),
  ];
  if (lastStep !== "") lines.push(`        last step, at ${lastStep}`);
  lastSent = sent;
  lastAcknowledged = acknowledged;
  if (process.stdout.isTTY && linesShown > 0) process.stdout.write(`\u001b[${linesShown}A\u001b[J`);
  console.log(lines.join("\n"));
  linesShown = lines.length;
}

function table(status: StatusAnswer | null): string[] {
  if (status === null) return ["        no node answers"];
  const rows = status.nodes.map(
    (node) =>
      `        ${node.name.padEnd(4)} ${(node.state === "up" ? node.role : node.state).padEnd(9)} index ${String(node.appliedIndex).padStart(7)}  digest ${node.digest.slice(0, 12).padEnd(12)}  devices ${String(node.devices).padStart(4)}  connections ${node.connections}`,
  );
  const verdict = status.inSync ? "in sync" : `not in sync: ${status.reasons.join("; ")}`;
  return [...rows, `        term ${status.term}, leader ${status.leader ?? "none"}, ${verdict}`];
}

async function end(): Promise<void> {
  if (isEnding) return;
  isEnding = true;
  clearInterval(report);
  for (const timer of timers) clearTimeout(timer);
  await fleet.stop();
  const { sent, acknowledged } = fleet.figures;
  let exitCode = 0;
  try {
    const status = await cluster.whenInSync(syncTimeoutMs);
    const [first] = status.nodes;
    console.log(
      `\nThe fleet published ${sent} messages, ${acknowledged} were acknowledged. The ${status.nodes.length} nodes are in sync: same content digest ${first?.digest.slice(0, 16)}, ${first?.devices} devices.`,
    );
  } catch (error) {
    exitCode = 1;
    console.error(`\n${(error as Error).message}`);
  }
  await cluster.stop();
  process.exitCode = exitCode;
}

isRunning = true;
if (Number(options.seconds) > 0) setTimeout(() => void end(), Number(options.seconds) * 1000);
