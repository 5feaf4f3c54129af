import { readFile, rename, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Level } from "level";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ClusterError } from "../../../cluster/errors.ts";
import { floorName } from "../../../cluster/storage/floor-file.ts";
import { logKey } from "../../../cluster/storage/keys.ts";
import { fill, LevelDirectory } from "../../support/level-directory.ts";
import { applied, entries, plain, stateOf, written } from "../../support/storage-changes.ts";

let whole: LevelDirectory;
let state: Record<string, string>;

beforeEach(async () => {
  // The floor must not move by itself while a test copies files.
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  whole = await LevelDirectory.make();
  const storage = whole.storage();
  await storage.open();
  state = await fill(storage);
  await storage.close();
});

afterEach(async () => {
  vi.useRealTimers();
  await whole.remove();
});

/** "corrupt" when the damage is reported, "right" when everything that was closed orderly is there. */
async function outcome(directory: LevelDirectory): Promise<"corrupt" | "right" | "wrong"> {
  const storage = directory.storage();
  try {
    const restore = await storage.open();
    const isRight =
      restore.appliedIndex === 50 &&
      restore.hardState.commit === 60 &&
      JSON.stringify(plain(restore.entries)) === JSON.stringify(plain(entries(1, 60))) &&
      JSON.stringify(Object.entries(await stateOf(storage)).sort()) ===
        JSON.stringify(Object.entries(state).sort());
    return isRight ? "right" : "wrong";
  } catch (error) {
    if (error instanceof ClusterError && error.code === "storage-corrupt") return "corrupt";
    throw error;
  } finally {
    await storage.close();
  }
}

async function openError(directory: LevelDirectory): Promise<ClusterError> {
  const storage = directory.storage();
  try {
    await storage.open();
  } catch (error) {
    return error as ClusterError;
  } finally {
    await storage.close();
  }
  throw new Error("opened");
}

/** Moves everything from the log into tables, as LevelDB does when it opens. */
async function intoTables(): Promise<void> {
  const storage = whole.storage();
  await storage.open();
  await storage.close();
}

async function flipThrough(pattern: RegExp, step: number) {
  const counts = { corrupt: 0, right: 0, wrong: 0 };
  const wrong: string[] = [];
  for (const name of await whole.databaseFiles(pattern)) {
    const { size } = await stat(join(whole.path, "database", name));
    for (let offset = 0; offset < size; offset += step) {
      const copy = await whole.copy();
      await copy.flip(name, offset, 1 << (offset % 8));
      const result = await outcome(copy);
      counts[result]++;
      if (result === "wrong") wrong.push(`${name} at ${offset}`);
      await rm(copy.root, { recursive: true });
    }
  }
  return { counts, wrong };
}

describe("a flipped bit", () => {
  it("anywhere in the log is reported", { timeout: 60_000 }, async () => {
    const { counts, wrong } = await flipThrough(/\.log$/, 61);
    expect(wrong).toEqual([]);
    expect(counts.corrupt).toBeGreaterThan(100);
    expect(counts.right).toBe(0);
  });

  it("anywhere in a table is reported or harmless", { timeout: 60_000 }, async () => {
    await intoTables();
    const { counts, wrong } = await flipThrough(/\.ldb$/, 61);
    expect(wrong).toEqual([]);
    expect(counts.corrupt).toBeGreaterThan(80);
    expect(counts.right).toBeLessThanOrEqual(1);
  });

  it("in the manifest, CURRENT or the floor is reported", { timeout: 60_000 }, async () => {
    await intoTables();
    const { counts, wrong } = await flipThrough(/^(MANIFEST-\d+|CURRENT)$/, 3);
    expect(wrong).toEqual([]);
    expect(counts.corrupt).toBeGreaterThan(30);
    const floor = join(whole.path, floorName);
    const content = await readFile(floor);
    content[20]! ^= 4;
    await writeFile(floor, content);
    expect(await openError(whole)).toMatchObject({
      code: "storage-corrupt",
      details: { record: floorName },
    });
  });
});

describe("what is missing below the floor is reported", () => {
  it("an entry in the middle", async () => {
    await deleteUnnoticed(logKey(0, 30));
    expect(await openError(whole)).toMatchObject({
      code: "storage-corrupt",
      details: { record: logKey(0, 30), index: 30 },
    });
  });

  it("entries at the end", async () => {
    for (let index = 58; index <= 60; index++) await deleteUnnoticed(logKey(0, index));
    expect(await openError(whole)).toMatchObject({
      code: "storage-corrupt",
      details: { record: logKey(0, 58), index: 58 },
    });
  });

  it("the applied record's log", async () => {
    for (let index = 1; index <= 60; index++) await deleteUnnoticed(logKey(0, index));
    expect(await openError(whole)).toMatchObject({ code: "storage-corrupt" });
  });

  it("the end of the log file, though only a part of it", async () => {
    const [name] = await whole.databaseFiles(/\.log$/);
    const path = join(whole.path, "database", name!);
    await truncate(path, (await stat(path)).size - 10);
    expect(await outcome(whole)).toBe("corrupt");
  });

  it("the log file", async () => {
    const [name] = await whole.databaseFiles(/\.log$/);
    await rm(join(whole.path, "database", name!));
    expect(await outcome(whole)).toBe("corrupt");
  });

  it("a table", async () => {
    await intoTables();
    const [name] = await whole.databaseFiles(/\.ldb$/);
    await rm(join(whole.path, "database", name!));
    expect(await outcome(whole)).toBe("corrupt");
  });

  it("CURRENT, the database, or the floor itself", async () => {
    const withoutCurrent = await whole.copy();
    await rm(join(withoutCurrent.path, "database", "CURRENT"));
    expect(await outcome(withoutCurrent)).toBe("corrupt");
    const withoutDatabase = await whole.copy();
    await rm(join(withoutDatabase.path, "database"), { recursive: true });
    expect(await outcome(withoutDatabase)).toBe("corrupt");
    await rm(join(whole.path, floorName));
    expect(await outcome(whole)).toBe("corrupt");
  });

  it("an older copy of the database", async () => {
    const older = await whole.copy();
    const storage = whole.storage();
    await storage.open();
    await written(storage, { entries: entries(61, 62) });
    await storage.close();
    await writeFile(join(older.path, floorName), await readFile(join(whole.path, floorName)));
    expect(await outcome(older)).toBe("corrupt");
  });
});

describe("records are checked against each other", () => {
  it("an entry copied over another one", async () => {
    await withDatabase(async (level) => {
      await level.put(logKey(0, 20), (await level.get(logKey(0, 10)))!);
    });
    expect(await openError(whole)).toMatchObject({
      details: { record: logKey(0, 20), index: 20, reason: "chain mismatch" },
    });
  });

  it("a value under another key", async () => {
    await withDatabase(async (level) => {
      await level.put("s/0/1/key 2", (await level.get("s/0/1/key 1"))!);
    });
    expect(await outcome(whole)).toBe("corrupt");
  });
});

describe("an unfinished write at the end", () => {
  it("is dropped when nobody was told about it", async () => {
    const storage = whole.storage();
    await storage.open();
    const before = await storage.stats();
    expect(before.queuedChanges).toBe(0);
    const killed = await whole.copy();
    const [name] = await killed.databaseFiles(/\.log$/);
    const durable = (await stat(join(killed.path, "database", name!))).size;
    await written(storage, { entries: entries(61, 64) });
    const torn = await whole.copy();
    await storage.close();
    const path = join(torn.path, "database", name!);
    const written64 = (await stat(path)).size;
    for (const size of [written64 - 1, Math.floor((durable + written64) / 2), durable + 3]) {
      await truncate(path, size);
      const copy = await torn.copy();
      const reopened = copy.storage();
      expect((await reopened.open()).entries.length).toBe(60);
      await reopened.close();
    }
  });

  it("is not confused with damage to an earlier one", async () => {
    const storage = whole.storage();
    await storage.open();
    await written(storage, { entries: entries(61, 64) });
    await written(storage, { entries: entries(65, 66) });
    const killed = await whole.copy();
    await storage.close();
    const [name] = await killed.databaseFiles(/\.log$/);
    const path = join(killed.path, "database", name!);
    await killed.flip(name!, (await readFile(path)).indexOf("entry 62 of"));
    expect(await openError(killed)).toMatchObject({
      code: "storage-corrupt",
      details: { record: name },
    });
  });
});

describe("a log of many blocks", () => {
  /** Batches that only apply leave no hole among the entries when LevelDB drops one of them. */
  async function large(): Promise<string> {
    const storage = whole.storage();
    await storage.open();
    for (let round = 0; round < 10; round++) {
      const value = `value ${round} `.repeat(2_000);
      await written(storage, { applied: applied(50, { [`large ${round}`]: value }) });
    }
    const killed = await whole.copy();
    await storage.close();
    await rm(whole.path, { recursive: true });
    await rename(killed.path, whole.path);
    const [name] = await whole.databaseFiles(/\.log$/);
    return name!;
  }

  it("that lost a batch in its middle is reported", async () => {
    const name = await large();
    const content = await readFile(join(whole.path, "database", name));
    for (const round of [0, 4, 8]) {
      const copy = await whole.copy();
      await copy.flip(name, content.indexOf(`value ${round} value ${round}`) + 10_000);
      expect(await openError(copy)).toMatchObject({ details: { record: name } });
    }
  });

  it("whose last batch is torn opens with the batches before it", async () => {
    const name = await large();
    const path = join(whole.path, "database", name);
    const content = await readFile(path);
    await truncate(path, content.indexOf("value 9 value 9") + 10_000);
    const storage = whole.storage();
    await storage.open();
    const found = await stateOf(storage);
    expect(Object.keys(found).filter((key) => key.startsWith("large")).length).toBe(9);
    await storage.close();
  });

  it("whose last batch is damaged but all there is reported: somebody may rely on it", async () => {
    const name = await large();
    const content = await readFile(join(whole.path, "database", name));
    await whole.flip(name, content.indexOf("value 9 value 9") + 10_000);
    expect(await openError(whole)).toMatchObject({ details: { record: name } });
  });

  it("that another log follows must be whole", async () => {
    const name = await large();
    const newer = `${String(Number.parseInt(name, 10) + 1).padStart(6, "0")}.log`;
    await writeFile(join(whole.path, "database", newer), "");
    const torn = await whole.copy();
    const path = join(torn.path, "database", name);
    await truncate(path, (await stat(path)).size - 10);
    expect(await openError(torn)).toMatchObject({ details: { record: name } });
    await rm(join(whole.path, "database", name));
    expect(await openError(whole)).toMatchObject({ details: { record: name } });
  });

  it("with a page of zeros in it is reported", async () => {
    const name = await large();
    const path = join(whole.path, "database", name);
    const content = await readFile(path);
    content.fill(0, 65_536, 65_536 + 4_096);
    await writeFile(path, content);
    expect(await openError(whole)).toMatchObject({ details: { record: name } });
  });
});

async function deleteUnnoticed(key: string): Promise<void> {
  await withDatabase((level) => level.del(key));
}

async function withDatabase(
  change: (level: Level<string, Buffer>) => Promise<void>,
): Promise<void> {
  const level = new Level<string, Buffer>(join(whole.path, "database"), {
    valueEncoding: "buffer",
    compression: false,
  });
  await change(level);
  await level.close();
}
