import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Level } from "level";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { ClusterError } from "../../../cluster/errors.ts";
import type { LevelStorage } from "../../../cluster/storage/level-storage.ts";
import { fill, LevelDirectory } from "../../support/level-directory.ts";
import { applied, entries, plain, stateOf, written } from "../../support/storage-changes.ts";

const positionsPerFile = 80;

/** What the types of `level` leave out, since a browser has no such thing. */
interface Compactable {
  compactRange(first: string, last: string): Promise<void>;
}

let directory: LevelDirectory;
/** Killed: a table, a log whose last write came after the newest floor, a manifest of one session that did nothing else. */
let killed: LevelDirectory;
/** Killed after several logs had become tables: a manifest of many edits, each of which the next one needs. */
let busy: LevelDirectory;

beforeAll(async () => {
  // The floor must stay behind what was written last.
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  directory = await LevelDirectory.make();
  const first = directory.storage();
  await first.open();
  await fill(first);
  await written(first, { applied: applied(50, { filler: "a value that is long ".repeat(200) }) });
  await first.close();
  const storage = directory.storage();
  await storage.open();
  await written(storage, { applied: applied(60, { latest: "applied to the end" }) });
  await written(storage, {
    hardState: { term: 2, vote: null, commit: 62 },
    entries: entries(61, 62, 2),
  });
  killed = await directory.copy();
  await storage.close();
  busy = await killedWhileBusy();
});

afterAll(async () => {
  vi.useRealTimers();
  await directory.remove();
});

/** Rewrites every record with a write buffer so small that one run leaves several edits in the manifest. */
async function killedWhileBusy(): Promise<LevelDirectory> {
  const level = new Level<string, Buffer>(join(directory.path, "database"), {
    valueEncoding: "buffer",
    writeBufferSize: 65_536,
    compression: false,
  });
  const records = await level.iterator().all();
  const puts = records.map(([key, value]) => ({ type: "put" as const, key, value }));
  for (let round = 0; round < 30; round++) await level.batch(puts, { sync: true });
  // Nothing goes on in the background behind this.
  await (level as unknown as Compactable).compactRange("", "~");
  await level.batch(puts, { sync: true });
  const copy = await directory.copy();
  await level.close();
  return copy;
}

async function contentOf(copy: LevelDirectory): Promise<string> {
  const storage: LevelStorage = copy.storage();
  try {
    const { entries: log, hardState, appliedIndex } = await storage.open();
    const state = Object.entries(await stateOf(storage)).sort();
    return JSON.stringify([plain(log), hardState, appliedIndex, state]);
  } finally {
    await storage.close();
  }
}

/** What came of a flip at each of the positions of each of the files. */
async function flipThrough(of: LevelDirectory, names: readonly string[]) {
  const expected = await contentOf(await of.copy());
  const [unnoticed, unclear]: [string[], string[]] = [[], []];
  const named = new Set<unknown>();
  let harmless = 0;
  for (const name of names) {
    const { size } = await stat(of.pathOf(name));
    const positions = Math.min(positionsPerFile, size);
    for (let count = 0; count < positions; count++) {
      const at = Math.floor((count * size) / positions);
      const copy = await of.copy();
      await copy.flip(name, at, 1 << (at % 8));
      try {
        if ((await contentOf(copy)) === expected) harmless++;
        else unnoticed.push(`${name} at ${at}`);
      } catch (error) {
        const { code, details, message } = error as ClusterError;
        if (code === "storage-corrupt") named.add(details["record"]);
        else unclear.push(`${name} at ${at}: ${message}`);
      }
      await rm(copy.root, { recursive: true });
    }
  }
  expect(unnoticed).toEqual([]);
  expect(unclear).toEqual([]);
  return { named: [...named], harmless };
}

describe("a bit flipped in a killed node", { timeout: 60_000 }, () => {
  it("is reported anywhere in a file of Raft's log, in the last write too", async () => {
    const logs = await killed.logFiles();
    expect(logs.length).toBe(2);
    const { named, harmless } = await flipThrough(killed, logs);
    expect(named.sort()).toEqual(logs);
    expect(harmless).toBe(0);
  });

  it("is reported anywhere in the database's log, in the last write too", async () => {
    const logs = await killed.databaseFiles(/\.log$/);
    expect(await flipThrough(killed, logs)).toEqual({ named: logs, harmless: 0 });
  });

  it("is reported anywhere in its table: data, index, filter; the padding of the footer means nothing", async () => {
    const tables = await killed.databaseFiles(/\.ldb$/);
    const { named, harmless } = await flipThrough(killed, tables);
    expect(named).toEqual(tables);
    expect(harmless).toBeLessThanOrEqual(tables.length);
  });

  it("is reported in CURRENT", async () => {
    expect(await flipThrough(killed, ["CURRENT"])).toMatchObject({ harmless: 0 });
  });

  it("is reported anywhere in a manifest of many edits, by name", async () => {
    const [manifest] = await busy.databaseFiles(/^MANIFEST-\d+$/);
    expect(await flipThrough(busy, [manifest!])).toEqual({ named: [manifest], harmless: 0 });
  });
});
