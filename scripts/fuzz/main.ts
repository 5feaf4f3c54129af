/**
 * Random bytes and mutated packets at one real node, a well-behaved pair of clients beside them. Passes when nothing of what must not happen happened: no end of the
 * process, no malformed answer, no connection or session left over, no effect on the pair, memory within its bound.
 */
import { Command } from "commander";
import { attack } from "../../test/fuzz/attack.ts";
import { Witnesses } from "../../test/fuzz/witnesses.ts";
import { LocalCluster } from "../support/local-cluster.ts";
import type { NodeProcess } from "../support/node-process.ts";
import { collectGarbage, inspectorOptions } from "./garbage.ts";

const host = "127.0.0.1";
const connectionsAtOnce = 64;
/** What heap and buffers may have more at the end than at the start: retained messages, the log, compiled code. */
const heapGrowthSizeBytesMax = 64 * 1024 * 1024;
const settleTimeoutMs = 20_000;
/** Sessions of the attack end soon, so that what is left is a leak. */
const nodeArgs = ["--session-expiry-max", "1s", "--sys-interval", "0", "--log-level", "error"];

const values = new Command("fuzz")
  .description(
    "Random bytes and mutated packets at one real node, beside a pair of clients that must not notice. Exit 1 when the node ends, answers with anything malformed, keeps what it should not, or the pair misses a message. Needs `npm run build` before.",
  )
  .option("--packets <count>", "to send", "100000")
  .option("--seed <number>", "of the packets", "1")
  .parse()
  .opts<{ packets: string; seed: string }>();

interface Figures {
  readonly connections: number;
  readonly sessions: number;
  readonly subscriptions: number;
  readonly retained: number;
  readonly heapSizeBytes: number;
  readonly residentSizeBytes: number;
  readonly internalErrors: number;
}

async function figuresOf(node: NodeProcess): Promise<Figures> {
  const answer = await fetch(`http://${host}:${node.ready?.http}/metrics`);
  const text = await answer.text();
  const value = (name: string) => Number(new RegExp(`^${name} (\\S+)`, "m").exec(text)?.[1]);
  return {
    connections: value("flockmq_connections"),
    sessions: value("flockmq_sessions"),
    subscriptions: value("flockmq_subscriptions"),
    retained: value("flockmq_retained"),
    heapSizeBytes: value("process_heap_bytes") + value("process_external_memory_bytes"),
    residentSizeBytes: value("process_resident_memory_bytes"),
    internalErrors: value("flockmq_internal_errors_total"),
  };
}

/** The newest part of the Raft log is kept in memory, on purpose and within its bound; here it would look like a leak. */
async function cutLog(node: NodeProcess): Promise<void> {
  const answer = await fetch(`http://${host}:${node.ready?.http}/api/v1/cluster/snapshot`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  });
  if (!answer.ok) throw new Error(`the log was not cut: ${await answer.text()}`);
}

/** When what the attack left behind is gone, or the time is up; after a garbage collection. */
async function settled(node: NodeProcess, before: Figures): Promise<Figures> {
  const deadlineMs = performance.now() + settleTimeoutMs;
  for (;;) {
    const { sessions, connections } = await figuresOf(node);
    const isLeft = sessions > before.sessions || connections > before.connections;
    if (!isLeft || performance.now() > deadlineMs) break;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  await cutLog(node);
  await collectGarbage(node);
  return figuresOf(node);
}

function problemsOf(before: Figures, after: Figures, faults: readonly string[]): string[] {
  const problems = [...faults];
  for (const name of ["connections", "sessions", "subscriptions"] as const) {
    if (after[name] > before[name])
      problems.push(`${after[name] - before[name]} ${name} left over`);
  }
  if (after.internalErrors > 0) problems.push(`${after.internalErrors} internal errors`);
  const grownSizeBytes = after.heapSizeBytes - before.heapSizeBytes;
  if (!(grownSizeBytes <= heapGrowthSizeBytesMax)) {
    problems.push(`the heap has ${grownSizeBytes} bytes more than before`);
  }
  return problems;
}

function mebibytes(sizeBytes: number): string {
  return `${(sizeBytes / 2 ** 20).toFixed(1)} MiB`;
}

async function main(): Promise<boolean> {
  const seed = Number(values.seed);
  process.env["NODE_OPTIONS"] = inspectorOptions;
  const cluster = await LocalCluster.start({ nodes: 1, args: nodeArgs });
  try {
    const node = cluster.nodeAt(0);
    const port = node.ready?.mqtt ?? 0;
    const witnesses = await Witnesses.start(host, port, seed);
    await collectGarbage(node);
    const before = await figuresOf(node);
    let isOver = false;
    const testimony = witnesses.testify(() => isOver).catch((error: unknown) => String(error));
    const startedAtMs = performance.now();
    const result = await attack({
      host,
      port,
      seed,
      packets: Number(values.packets),
      connectionsAtOnce,
      isOver: () => !node.isRunning,
    });
    const tookSeconds = (performance.now() - startedAtMs) / 1000;
    isOver = true;
    const heard = await testimony;
    if (!node.isRunning) {
      console.log(`the node ended with exit code ${node.exitCode}:\n${node.log.join("\n")}`);
      return false;
    }
    const after = await settled(node, before);
    const problems = problemsOf(before, after, result.faults);
    if (typeof heard === "string") problems.push(`the pair beside the attack: ${heard}`);
    witnesses.close();
    console.log(
      `seed ${seed}: ${result.packetsSent} packets, ${mebibytes(result.bytesSent)}, over ` +
        `${result.connections} connections in ${tookSeconds.toFixed(0)} s; ` +
        `${result.packetsReceived} packets came back, all of them well formed`,
    );
    if (typeof heard !== "string") {
      console.log(
        `the pair beside it: ${heard.messages} messages, each once and in order, ` +
          `the slowest after ${heard.slowestMs.toFixed(0)} ms`,
      );
    }
    console.log(
      `heap ${mebibytes(before.heapSizeBytes)} before, ${mebibytes(after.heapSizeBytes)} after; resident ` +
        `${mebibytes(before.residentSizeBytes)} and ${mebibytes(after.residentSizeBytes)}; ` +
        `${after.retained} retained messages`,
    );
    for (const problem of problems) console.log(`PROBLEM: ${problem}`);
    for (const line of node.log.filter((line) => line.includes('"level":50'))) console.log(line);
    return problems.length === 0;
  } finally {
    await cluster.stop();
  }
}

process.exitCode = (await main()) ? 0 : 1;
