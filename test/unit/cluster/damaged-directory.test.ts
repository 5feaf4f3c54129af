import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Cluster, type ClusterOptions, startCluster, systemClock } from "#cluster";
import { MapMachine } from "../../support/map-machine.ts";
import { flockTimings } from "../../support/memory-flock.ts";

interface Running {
  readonly cluster: Cluster;
  readonly machine: MapMachine;
  readonly warnings: string[];
}

const timeoutMs = 20_000;
let root = "";
const running = new Set<Cluster>();

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "flockmq-damaged-"));
});

afterEach(async () => {
  await Promise.all([...running].map((cluster) => cluster.stop(2000)));
  running.clear();
  await rm(root, { recursive: true });
});

async function start(name: string, formation: ClusterOptions["formation"]): Promise<Running> {
  const machine = new MapMachine();
  const warnings: string[] = [];
  const starting = await startCluster({
    dataDir: join(root, name),
    siblingRoot: null,
    name: null,
    peerHost: "127.0.0.1",
    peerPort: 0,
    isPeerPortFixed: false,
    isMdnsEnabled: false,
    secret: Buffer.from("a secret for damaged directories"),
    formation,
    votersMax: 5,
    stateMachine: machine,
    figures: () => ({ retained: 0, devices: 0, sessions: 0, connections: 0, ports: {} }),
    version: "0.0.0",
    timings: { ...flockTimings, stabilizationMs: 200 },
    clock: systemClock,
    random: Math.random,
    log: {
      debug() {},
      info() {},
      warn: (_fields, message) => warnings.push(message),
      error: (_fields, message) => warnings.push(message),
    },
    onFatal: (error) => warnings.push(error.message),
  });
  const cluster = await starting.cluster;
  running.add(cluster);
  await cluster.whenReady();
  return { cluster, machine, warnings };
}

async function stop({ cluster }: Running): Promise<void> {
  running.delete(cluster);
  await cluster.stop(2000);
}

function joining({ cluster }: Running): ClusterOptions["formation"] {
  const addresses = [`127.0.0.1:${cluster.peerPort}`];
  return { kind: "join", addresses, isDiscovering: false };
}

async function write({ cluster }: Running, count: number): Promise<void> {
  const outcomes = Array.from(
    { length: count },
    (_, i) =>
      new Promise<string>((resolve) => {
        cluster.propose(Buffer.from(`k${i}=${i}`), 5000, ({ status }) => resolve(status));
      }),
  );
  expect(new Set(await Promise.all(outcomes))).toEqual(new Set(["applied"]));
}

/** A bit in the middle of the newest write-ahead log of a stopped node. */
async function damage(name: string): Promise<void> {
  const directory = join(root, name, "db", "database");
  const logs = (await readdir(directory)).filter((file) => file.endsWith(".log")).sort();
  const path = join(directory, logs.at(-1) as string);
  const bytes = await readFile(path);
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] as number) ^ 0x10;
  await writeFile(path, bytes);
}

describe("a damaged database", () => {
  test("of a member is set aside; the node joins again under a new id and holds everything", {
    timeout: timeoutMs,
  }, async () => {
    const one = await start("n1", { kind: "found" });
    const two = await start("n2", joining(one));
    const oldId = two.cluster.nodeId;
    await write(two, 200);
    await stop(two);
    await damage("n2");
    // Even a node that is told to found a cluster goes back to the one it was in.
    const back = await start("n2", { kind: "found" });
    expect(back.cluster.nodeId).not.toBe(oldId);
    expect(back.cluster.clusterId).toBe(one.cluster.clusterId);
    expect(back.machine.values.size).toBe(200);
    expect(back.warnings).toContain(
      "the database is damaged and was set aside; this node joins its cluster again under a new id",
    );
    const files = await readdir(join(root, "n2"));
    expect(files.some((file) => file.startsWith("damaged-"))).toBe(true);
    expect(files.some((file) => file.startsWith("node.key.damaged-"))).toBe(true);
  });

  test("of the only voter is an error, and nothing is changed", {
    timeout: timeoutMs,
  }, async () => {
    const one = await start("n1", { kind: "found" });
    await write(one, 50);
    await stop(one);
    await damage("n1");
    const before = await readdir(join(root, "n1"));
    for (const _attempt of [1, 2]) {
      await expect(start("n1", { kind: "found" })).rejects.toMatchObject({
        code: "storage-corrupt",
        message: expect.stringContaining("was the only voter of its cluster"),
      });
    }
    expect(await readdir(join(root, "n1"))).toEqual(before);
  });

  test("that was deleted beside its key makes a new node, not a member without memory", {
    timeout: timeoutMs,
  }, async () => {
    const one = await start("n1", { kind: "found" });
    const two = await start("n2", joining(one));
    await write(two, 20);
    await stop(two);
    await rm(join(root, "n2", "db"), { recursive: true });
    const back = await start("n2", joining(one));
    expect(back.cluster.nodeId).not.toBe(two.cluster.nodeId);
    expect(back.machine.values.size).toBe(20);
  });
});
