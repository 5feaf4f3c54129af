import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import mqtt from "mqtt";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LevelDirectoryDisk } from "../../cluster/storage/level-disk.ts";
import { LevelStorage } from "../../cluster/storage/level-storage.ts";
import { LocalCluster } from "../../scripts/support/local-cluster.ts";
import { written } from "../support/storage-changes.ts";

/** Three real processes; one of them comes back with another value on its disk, under a right checksum. */
let cluster: LocalCluster;
const wrongNode = 1;

beforeAll(async () => {
  cluster = await LocalCluster.start({ nodes: 3 });
  await cluster.whenInSync(30_000);
}, 60_000);

afterAll(() => cluster.stop(), 30_000);

function directoryOf(index: number): string {
  return join(cluster.cwd, "flockmq-data", `n${index + 1}`);
}

function urlOf(index: number): string {
  return `http://127.0.0.1:${cluster.nodeAt(index).ready?.http}`;
}

/** What damage below every checksum, or an error in the code, would leave behind. */
async function alter(directory: string, key: string, from: string, to: string): Promise<void> {
  const disk = new LevelDirectoryDisk(join(directory, "db"));
  const storage = new LevelStorage(disk, {
    onFailure: (error) => {
      throw error;
    },
  });
  const { appliedIndex: index, appliedTerm: term, configuration } = await storage.open();
  let value: Buffer | null = null;
  await storage.loadState((found, bytes) => {
    if (found === key)
      value = Buffer.from(Buffer.from(bytes).toString("latin1").replace(from, to), "latin1");
  });
  if (value === null) throw new Error(`no record ${key}`);
  await written(storage, { applied: { index, term, configuration, writes: [{ key, value }] } });
  await storage.close();
}

/** Exit code and output of `cluster status --verify`, asked of one node. */
function verify(index: number): Promise<{ readonly code: number; readonly output: string }> {
  const cli = join(import.meta.dirname, "..", "..", "dist", "cli", "cluster.js");
  const args = [cli, "status", "--verify", "--url", urlOf(index)];
  return new Promise((resolve) => {
    execFile(process.execPath, args, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr });
    });
  });
}

/** The hardest case: the others get the right entries from a leader whose own content is wrong. */
async function makeLeader(index: number): Promise<void> {
  const answer = await fetch(`${urlOf(index)}/api/v1/cluster/transfer`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ to: `n${index + 1}` }),
  });
  expect(answer.status).toBe(200);
}

async function readOverHttp(index: number, topic: string): Promise<string> {
  try {
    const answer = await fetch(`${urlOf(index)}/api/v1/retained/${topic}`);
    return answer.ok ? await answer.text() : `status ${answer.status}`;
  } catch {
    return "closed";
  }
}

/** The retained message as a new subscriber gets it; "closed" where there is no connection, or nothing comes of it. */
async function readOverMqtt(index: number, topic: string): Promise<string> {
  const port = cluster.nodeAt(index).ready?.mqtt;
  const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, {
    protocolVersion: 5,
    reconnectPeriod: 0,
  });
  const read = new Promise<string>((resolve) => {
    client.on("message", (_topic, payload) => resolve(String(payload)));
    client.on("error", () => resolve("closed"));
    client.on("close", () => resolve("closed"));
    client.on("connect", () => client.subscribe(topic, { qos: 1 }));
  });
  const value = await read;
  await client.endAsync(true).catch(() => undefined);
  return value;
}

interface Read {
  readonly startedMs: number;
  readonly value: string;
}

/** Reads over and over, until told to stop. */
class Reader {
  readonly reads: Read[] = [];
  readonly #read: () => Promise<string>;
  readonly #running: Promise<void>;
  #isStopped = false;

  constructor(read: () => Promise<string>) {
    this.#read = read;
    this.#running = this.#run();
  }

  get values(): readonly string[] {
    return this.reads.map(({ value }) => value);
  }

  valuesSince(ms: number): readonly string[] {
    return this.reads.filter(({ startedMs }) => startedMs >= ms).map(({ value }) => value);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const startedMs = performance.now();
      this.reads.push({ startedMs, value: await this.#read() });
      // Leaves the processor to the nodes; when it reads next does not matter.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadlineMs = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > deadlineMs) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test("a leader that differs is named, falls silent, and is in sync again without a restart", async () => {
  const topic = "condemned";
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${cluster.nodeAt(0).ready?.mqtt}`);
  await client.publishAsync(topic, "right", { qos: 1, retain: true });
  await client.endAsync();
  await cluster.nodeAt(wrongNode).stop();
  await alter(directoryOf(wrongNode), `a/r/${topic}`, "right", "wrong");
  const node = cluster.restart(wrongNode);
  const before = await node.whenReady(30_000);

  const readers = [readOverHttp, readOverMqtt].map(
    (read) => new Reader(() => read(wrongNode, topic)),
  );
  await until(
    () => readers.every(({ values }) => values.includes("wrong")),
    "the wrong value is read",
  );
  await makeLeader(wrongNode);
  const found = await verify(0);
  const verdictMs = performance.now();
  expect([found.code, found.output]).toEqual([1, expect.stringContaining("n2 differs in content")]);

  await until(
    () => readers.every((reader) => reader.valuesSince(verdictMs).includes("right")),
    "the right value is read",
  );
  await Promise.all(readers.map((reader) => reader.stop()));
  for (const reader of readers) expect(reader.valuesSince(verdictMs)).not.toContain("wrong");
  await cluster.whenInSync(20_000);
  expect(await verify(wrongNode)).toMatchObject({ code: 0 });
  const { nodes } = (await cluster.status()) ?? { nodes: [] };
  expect(nodes.map(({ name }) => name).sort()).toEqual(["n1", "n2", "n3"]);
  expect(nodes.find(({ name }) => name === "n2")).not.toMatchObject({ nodeId: before.nodeId });
  expect([node.isRunning, cluster.nodeAt(wrongNode)]).toEqual([true, node]);
  const evidence = (await readdir(directoryOf(wrongNode))).filter((name) =>
    name.startsWith("damaged-"),
  );
  expect(evidence).not.toEqual([]);
}, 90_000);
