import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { AgreedState } from "../../../cluster/agreed/agreed-state.ts";
import { EntryType } from "../../../cluster/raft/types.ts";
import { LevelDirectoryDisk } from "../../../cluster/storage/level-disk.ts";
import { LevelDatabase } from "../../../cluster/storage/level-open.ts";
import { LevelStorage } from "../../../cluster/storage/level-storage.ts";
import { CommandTag, decodeBatch } from "../../../cluster/wire/batch-codec.ts";
import { decodeCommand } from "../../../src/replica/commands.ts";
import { Replica } from "../../../src/replica/replica.ts";

/**
 * The database of a node of version 0.1.0 that was killed: retained messages, device state, a claim, a condition, all of it in
 * the log too. It is never made anew: whatever changes later must read it, or say in a new format that it does not.
 */
const fixture = new URL("../../fixtures/data-directory-format-1.json", import.meta.url);

let directory = "";
let storage: LevelStorage;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "flockmq-format-"));
  const files = JSON.parse(await readFile(fixture, "utf8")) as Record<string, string>;
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), Buffer.from(content, "base64"));
  }
  storage = new LevelStorage(new LevelDirectoryDisk(directory), {
    onFailure: (error) => {
      throw error;
    },
  });
});

afterEach(async () => {
  await storage.close();
  await rm(directory, { recursive: true });
});

test("format 1: records on disk are read, and make the same digest anew", async () => {
  const restore = await storage.open();
  expect(restore).toMatchObject({ incarnation: 2, nodeRecord: { name: "n1" } });
  expect(restore.entries.length).toBeGreaterThan(8);
  const replica = new Replica();
  const agreed = new AgreedState(replica);
  const digest = agreed.emptyDigest();
  await storage.loadState((key, value) => {
    agreed.restore(key, value);
    digest?.add(key, value);
  });
  expect(digest?.hex()).toBe(agreed.digest());
  expect(replica.metrics().get("replica_records_unreadable")).toBe(0);
  const mode = replica.getRetained("plant/mode");
  expect(mode?.payload.toString()).toBe("auto");
  expect(mode?.properties).toMatchObject({
    contentType: "text/plain",
    userProperties: [["site", "north"]],
  });
  expect(replica.getRetained("plant/größe")?.payload).toEqual(Buffer.from([0, 1, 255]));
  expect(replica.getRetained("plant/gone")).toBeNull();
  const robot = replica.devices.get("r1");
  expect(robot?.attributes.get("coordinates")?.value).toEqual({ x: 1.5, y: 2 });
  expect(robot?.attributes.get("motorRPM")).toMatchObject({ value: 1200, source: "robot-1" });
  expect(replica.ownerOf("robot-1")).toMatchObject({ nodeId: restore.nodeRecord?.nodeId });
});

test("format 1: a crash while the log is moved leaves it to be moved again", async () => {
  const write = vi.spyOn(LevelDatabase.prototype, "write").mockRejectedValueOnce(new Error("cut"));
  await expect(storage.open()).rejects.toMatchObject({ code: "storage-failed" });
  write.mockRestore();
  expect((await readdir(join(directory, "log"))).length).toBe(1);
  storage = new LevelStorage(new LevelDirectoryDisk(directory), { onFailure: () => {} });
  const { entries, hardState, nodeRecord } = await storage.open();
  expect([entries.length > 8, hardState.term > 0, nodeRecord?.name]).toEqual([true, true, "n1"]);
  await storage.close();
  storage = new LevelStorage(new LevelDirectoryDisk(directory), { onFailure: () => {} });
  expect((await storage.open()).entries).toEqual(entries);
});

test("format 1: every command in the log is understood", async () => {
  const { entries } = await storage.open();
  const commands = entries
    .filter(({ type }) => type === EntryType.command)
    .flatMap(({ data }) => decodeBatch(data).commands)
    .filter(({ tag }) => tag === CommandTag.application)
    .map(({ bytes }) => decodeCommand(bytes));
  expect(new Set(commands.map((command) => command?.type))).toEqual(
    new Set(["claim", "retain", "state"]),
  );
  const conditional = commands.find((each) => each?.type === "retain" && "expectedVersion" in each);
  expect(conditional).toMatchObject({ expectedVersion: 0 });
});
