import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "#cluster";
import { openDataDirectory } from "../../../cluster/data-directory.ts";
import type { KnownPeers } from "../../../cluster/drivers/known-peers.ts";
import type { ClusterError } from "../../../cluster/errors.ts";
import type { ClusterOptions } from "../../../cluster/options.ts";
import type { Identity } from "../../../cluster/transport/identity.ts";
import { silentLog } from "../../support/silent-log.ts";
import { written } from "../../support/storage-changes.ts";

const clusterId = "c".repeat(32);
let root = "";
let original: Identity;

/** A member of a cluster of several, stopped. */
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "flockmq-flipped-"));
  const { storage, identity } = await openDataDirectory(optionsFor("whole"));
  const { nodeId } = identity;
  await written(storage, { nodeRecord: { clusterId, nodeId, name: "n1" } });
  await storage.close();
  const known: KnownPeers = {
    clusterId,
    nodeId,
    name: "n1",
    isOnlyVoter: false,
    addresses: ["127.0.0.1:7001"],
  };
  await writeFile(join(root, "whole", "peers.json"), JSON.stringify(known));
  original = identity;
});

afterAll(() => rm(root, { recursive: true }));

function optionsFor(name: string): ClusterOptions {
  const formation = { kind: "found" } as const;
  const dataDir = join(root, name);
  const options = { dataDir, formation, clock: systemClock, log: silentLog, onFatal: () => {} };
  return options as unknown as ClusterOptions;
}

/** Of a copy in which one bit is flipped: the code of the error, or whether it is the node that it was. */
async function outcome(file: string, position: number): Promise<string> {
  await cp(join(root, "whole"), join(root, "copy"), { recursive: true });
  const path = join(root, "copy", file);
  const bytes = await readFile(path);
  bytes[position]! ^= 1 << (position % 8);
  await writeFile(path, bytes);
  try {
    const { storage, restore, identity } = await openDataDirectory(optionsFor("copy"));
    await storage.close();
    const isSame =
      Buffer.from(identity.seed).equals(original.seed) &&
      identity.nodeId === original.nodeId &&
      restore.nodeRecord?.nodeId === original.nodeId;
    return isSame ? "the same node" : "another node";
  } catch (error) {
    const { code, message } = error as ClusterError;
    expect(message).toContain(join(root, "copy"));
    return code;
  } finally {
    await rm(join(root, "copy"), { recursive: true });
  }
}

async function outcomes(file: string): Promise<ReadonlySet<string>> {
  const { length } = await readFile(join(root, "whole", file));
  const seen = new Set<string>();
  for (let position = 0; position < length; position += 3) seen.add(await outcome(file, position));
  return seen;
}

test("a bit flipped in the node's key is an error that names the directory, or means nothing", async () => {
  const seen = await outcomes("node.key");
  const allowed = ["storage-corrupt", "storage-foreign", "the same node"];
  expect([...seen].filter((one) => !allowed.includes(one))).toEqual([]);
  expect(seen).toContain("storage-corrupt");
  expect(seen).toContain("storage-foreign");
});

test("a bit flipped in the hint about the peers never makes another node of a whole one", async () => {
  expect(await outcomes("peers.json")).toEqual(new Set(["the same node"]));
});
