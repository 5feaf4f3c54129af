import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type ClusterOptions, systemClock } from "#cluster";
import { condemnDatabase, openDataDirectory } from "../../../cluster/data-directory.ts";
import { silentLog } from "../../support/silent-log.ts";

let dataDir = "";

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "flockmq-condemned-"));
});

afterEach(() => rm(dataDir, { recursive: true }));

function open(formation: ClusterOptions["formation"]) {
  const options = { dataDir, formation, clock: systemClock, log: silentLog, onFatal: () => {} };
  return openDataDirectory(options as unknown as ClusterOptions);
}

test("a database that its last run condemned is set aside, with the reason, under a new id", async () => {
  const formation = { kind: "join", addresses: ["127.0.0.1:1"], isDiscovering: false } as const;
  const first = await open(formation);
  await condemnDatabase(dataDir, "it differs");
  await first.storage.close();
  const second = await open(formation);
  expect(second.identity.nodeId).not.toBe(first.identity.nodeId);
  await second.storage.close();
  const evidence = (await readdir(dataDir)).filter((name) => name.startsWith("damaged-"));
  const reasons = await Promise.all(
    evidence.map((name) => readFile(join(dataDir, name, "reason.txt"), "utf8").catch(() => "")),
  );
  expect(reasons.join()).toContain("it differs");
  const third = await open(formation);
  expect(third.identity.nodeId).toBe(second.identity.nodeId);
  await third.storage.close();
});
