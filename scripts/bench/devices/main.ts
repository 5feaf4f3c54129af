/** Many devices at a steady rate: what an update costs and how late it is seen: `npm run bench:devices -- --help`. */
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { Command } from "commander";
import { LocalCluster } from "../../support/local-cluster.ts";
import { cpuSeconds } from "../cpu-time.ts";
import { percentileOfSorted } from "../statistics.ts";
import { Fleet } from "./fleet.ts";
import { ReadProbe, storedSequences, ViewerProbe } from "./probes.ts";

const program = new Command("bench:devices")
  .description(
    "Robots with a connection each, spread over the nodes, publish their coordinates at QoS 1 at a steady rate. Measured: PUBLISH to PUBACK, to the batch of a WebSocket on the last node, and to a linearizable read there; CPU time and bytes written per update; and that every update that was acknowledged is there. Needs `npm run build` before, and `ulimit -n` above twice the devices.",
  )
  .option("--devices <count>", "robots", "10000")
  .option("--rate <hz>", "updates of one in a second", "10")
  .option("--nodes <count>", "of the flock", "3")
  .option("--seconds <count>", "measured", "60")
  .option("--warmup <seconds>", "before", "10")
  .option("--coalesce <ms>", "--device-coalesce of the nodes", "100")
  .parse();
const options = Object.fromEntries(
  Object.entries(program.opts<Record<string, string>>()).map(([name, text]) => [
    name,
    Number(text),
  ]),
) as Record<"devices" | "rate" | "nodes" | "seconds" | "warmup" | "coalesce", number>;

const cluster = await LocalCluster.start({
  nodes: options.nodes,
  args: ["--log-level", "warn", "--device-coalesce", String(options.coalesce)],
});
try {
  await cluster.whenInSync(30_000);
  await run();
} finally {
  await cluster.stop();
}
process.exit();

async function run(): Promise<void> {
  const ready = cluster.nodes.map((node) => node.ready!);
  const pids = cluster.nodes.map(({ pid }) => pid);
  const last = ready.at(-1)!.http;
  const fleet = new Fleet({ ...options, ports: ready.map(({ mqtt }) => mqtt) });
  await fleet.open();
  const sample = Array.from({ length: 50 }, (_, at) => Math.floor((at * options.devices) / 50));
  const viewer = new ViewerProbe(
    last,
    50,
    sample.map((at) => `d${at}`),
  );
  const reader = new ReadProbe(last, "d0");
  fleet.start();
  await pause(options.warmup * 1000);
  const reading = reader.run();
  fleet.reset();
  viewer.latenciesMs = [];
  const before = figures(pids, fleet.acknowledged);
  await pause(options.seconds * 1000);
  const after = figures(pids, fleet.acknowledged);
  const latenciesMs = fleet.latenciesMs;
  const sent = fleet.sent;
  fleet.stop();
  reader.stop();
  await reading;
  viewer.close();
  for (let left = 300; fleet.unacknowledged > 0 && left > 0; left--) await pause(100);
  const stored = await storedSequences(ready[0]!.http);
  const lost = fleet.robots.filter(
    ({ id, sequence, unacknowledged }) => unacknowledged === 0 && (stored.get(id) ?? 0) < sequence,
  ).length;
  const updates = after.acknowledged - before.acknowledged;
  const percentiles = (values: readonly number[]): string => {
    const sorted = [...values].sort((a, b) => a - b);
    const at = (share: number): string => percentileOfSorted(sorted, share).toFixed(0);
    return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms (${sorted.length})`;
  };
  const per = (total: number): string => (total / updates).toFixed(1);
  console.log(
    [
      `${options.nodes} nodes, ${options.devices} devices at ${options.rate} Hz, ${options.seconds} s after ${options.warmup} s, window ${options.coalesce} ms; ${cpus().length} x ${cpus()[0]?.model}`,
      `acknowledged   ${(updates / options.seconds).toFixed(0)} a second of ${options.devices * options.rate} (sent ${sent})`,
      `PUBACK         ${percentiles(latenciesMs)}`,
      `WebSocket      ${percentiles(viewer.latenciesMs)}`,
      `linearizable   ${percentiles(reader.agesMs)}`,
      `CPU            ${per((after.cpu - before.cpu) * 1e6)} us per update, all nodes together; ${((after.cpu - before.cpu) / options.seconds).toFixed(2)} cores; the generator ${((after.own - before.own) / options.seconds).toFixed(2)}`,
      `written        ${per((after.written - before.written) / options.nodes)} bytes per update on each node, log and state`,
      `lost           ${lost} devices without their last acknowledged update; ${fleet.unacknowledged} updates without an answer`,
    ].join("\n"),
  );
  await Promise.race([fleet.close(), pause(5000)]);
}

function figures(
  pids: readonly number[],
  acknowledged: number,
): { cpu: number; own: number; written: number; acknowledged: number } {
  const own = process.cpuUsage();
  const written = pids
    .map((pid) => /^wchar: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, "latin1"))?.[1])
    .reduce((total, bytes) => total + Number(bytes), 0);
  return { cpu: cpuSeconds(pids), own: (own.user + own.system) / 1e6, written, acknowledged };
}
