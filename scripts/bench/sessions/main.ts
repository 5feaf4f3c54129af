/** What stored sessions and their messages cost, and whether they outlive a node: `npm run bench:sessions -- --help`. */
import { cpus } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { LocalCluster } from "../../support/local-cluster.ts";
import { seededRandom } from "../../support/random.ts";
import { type Bodies, bodiesIn, bodyOf, directorySizeBytes } from "./disk.ts";
import { residentSizeBytes } from "./memory.ts";
import { messagesFor, type Plan } from "./plan.ts";
import { beginSessions, publishAll, type Reading, readAll } from "./sessions.ts";

const program = new Command("bench:sessions")
  .description(
    "Stored sessions subscribe on three nodes and go away; messages are published, each for ten of them; one node is killed (kill -9); all come back to the others. Exit 1 when one of them misses a message, or a body is on disk more than once beside the log. Needs `npm run build` before.",
  )
  .option("--sessions <count>", "stored sessions", "10000")
  .option("--subscriptions <count>", "of each session", "100")
  .option("--messages <count>", "published at QoS 1", "10000")
  .option("--body <bytes>", "size of each payload", "256")
  .option("--json", "print the result as JSON only")
  .parse();
const options = program.opts<{
  sessions: string;
  subscriptions: string;
  messages: string;
  body: string;
  json?: boolean;
}>();
const plan: Plan = {
  sessions: Number(options.sessions),
  subscriptionsPerSession: Number(options.subscriptions),
  messages: Number(options.messages),
  sessionsPerMessage: 10,
};
const syncTimeoutMs = 120_000;
const readTimeoutMs = 60_000;
/** Behind the load: garbage and compactions come to rest. */
const settleMs = 3000;

const say = (text: string): void => {
  if (options.json !== true) console.log(text);
};
const random = seededRandom(7);
const bodies = Array.from({ length: plan.messages }, (_, message) =>
  bodyOf(message, Number(options.body), random),
);
const body = (message: number): Buffer => bodies[message] as Buffer;

const cluster = await LocalCluster.start({ nodes: 3, args: ["--log-level", "warn"] });
const end = (): void => void cluster.stop().finally(() => process.exit(130));
process.once("SIGINT", end).once("SIGTERM", end);
let exitCode = 1;
try {
  exitCode = await measure();
} catch (error) {
  console.error((error as Error).message);
} finally {
  await cluster.stop();
}
process.exit(exitCode);

async function measure(): Promise<number> {
  await cluster.whenInSync(syncTimeoutMs);
  const ports = cluster.nodes.map(({ ready }) => ready?.mqtt ?? 0);
  const emptyBytes = memorySizeBytes();
  const beginSeconds = await beginSessions(ports, plan);
  await atRest();
  const memoryBytes = memorySizeBytes();
  const perSessionBytes = (memoryBytes - emptyBytes) / plan.sessions;
  say(
    `${plan.sessions} sessions with ${plan.subscriptionsPerSession} subscriptions each, begun in ${beginSeconds.toFixed(1)} s: ${kilobytes(perSessionBytes)} of memory each, on every node`,
  );

  const places = Array.from({ length: plan.sessions }, (_, i) => messagesFor(i, plan).length);
  const queued = places.reduce((sum, count) => sum + count, 0);
  const emptyDiskBytes = await diskSizeBytes();
  const publishSeconds = await publishAll(ports, plan, body);
  await atRest();
  const diskBytes = (await diskSizeBytes()) - emptyDiskBytes;
  const queuedMemoryBytes = memorySizeBytes() - memoryBytes;
  say(
    `${plan.messages} messages acknowledged in ${publishSeconds.toFixed(1)} s, ${queued} places in queues: ${bytes(diskBytes / queued)} of disk for each place, ${bytes(diskBytes / plan.messages)} for each message, log and files not compacted included; ${bytes(queuedMemoryBytes / queued)} of memory for each place`,
  );

  cluster.nodeAt(0).signal("SIGKILL");
  await cluster.nodeAt(0).exited;
  const stored = await bodiesIn(join(cluster.cwd, "flockmq-data", "n1"));
  say(
    `in the database of the killed node: ${stored.different} bodies beside the log, each at most ${stored.copiesMax} times; ${stored.inLog} in the log`,
  );
  const reading = await readAll(ports.slice(1), plan, body, readTimeoutMs);
  say(
    `all back on the other nodes in ${reading.seconds.toFixed(1)} s: ${reading.missing} messages missing, ${reading.repeated} repeated, ${reading.wrong} wrong, ${reading.sessionsLost} sessions lost`,
  );
  cluster.restart(0);
  await cluster.nodeAt(0).whenReady(syncTimeoutMs);
  const status = await cluster.whenInSync(syncTimeoutMs);
  const sameDigestEverywhere = new Set(status.nodes.map(({ digest }) => digest)).size === 1;
  const result = {
    ...plan,
    bodySizeBytes: Number(options.body),
    processor: `${cpus().length} x ${cpus()[0]?.model}`,
    ...{ beginSeconds, publishSeconds, queued },
    memoryPerOfflineSessionBytes: Math.round(perSessionBytes),
    memoryPerQueuedMessageBytes: Math.round(queuedMemoryBytes / queued),
    diskPerQueuedMessageBytes: Math.round(diskBytes / queued),
    diskPerMessageBytes: Math.round(diskBytes / plan.messages),
    ...{ stored, reading, sameDigestEverywhere },
  };
  console.log(JSON.stringify(result, null, options.json === true ? 0 : 2));
  return isWell(stored, reading) && sameDigestEverywhere ? 0 : 1;
}

function isWell({ different, copiesMax }: Bodies, reading: Reading): boolean {
  const { missing, wrong, sessionsLost } = reading;
  const isStoredOnce = different === plan.messages && copiesMax === 1;
  return isStoredOnce && missing + wrong + sessionsLost === 0;
}

async function atRest(): Promise<void> {
  await cluster.whenInSync(syncTimeoutMs);
  await new Promise((resolve) => setTimeout(resolve, settleMs));
}

/** The mean of all nodes. */
function memorySizeBytes(): number {
  const sizes = cluster.nodes.map(({ pid }) => residentSizeBytes(pid));
  return sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
}

/** The mean of all nodes. */
async function diskSizeBytes(): Promise<number> {
  const directories = cluster.nodes.map((_, i) => join(cluster.cwd, "flockmq-data", `n${i + 1}`));
  const sizes = await Promise.all(directories.map(directorySizeBytes));
  return sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
}

function kilobytes(sizeBytes: number): string {
  return `${(sizeBytes / 1024).toFixed(1)} KiB`;
}

function bytes(sizeBytes: number): string {
  return `${sizeBytes.toFixed(0)} bytes`;
}
