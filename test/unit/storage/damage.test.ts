import { cp, readFile, rename, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Level } from "level";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ClusterError } from "../../../cluster/errors.ts";
import type { Entry } from "../../../cluster/raft/types.ts";
import { floorName } from "../../../cluster/storage/floor-file.ts";
import { parseLogFileName } from "../../../cluster/storage/log/files.ts";
import {
  encodeFrame,
  type Frame,
  type Part,
  PartKind,
  readFrame,
} from "../../../cluster/storage/log/frame.ts";
import {
  chainStart,
  decodeLogRecord,
  encodeLogRecord,
} from "../../../cluster/storage/log/record.ts";
import { sealJson } from "../../../cluster/storage/sealed.ts";
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

async function flipThrough(names: readonly string[], step: number) {
  const counts = { corrupt: 0, right: 0, wrong: 0 };
  const wrong: string[] = [];
  for (const name of names) {
    const { size } = await stat(whole.pathOf(name));
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
  it("anywhere in Raft's log is reported", { timeout: 60_000 }, async () => {
    const { counts, wrong } = await flipThrough(await whole.logFiles(), 37);
    expect(wrong).toEqual([]);
    expect(counts.corrupt).toBeGreaterThan(100);
    expect(counts.right).toBe(0);
  });

  it("anywhere in the database's log is reported", { timeout: 60_000 }, async () => {
    const { counts, wrong } = await flipThrough(await whole.databaseFiles(/\.log$/), 23);
    expect(wrong).toEqual([]);
    expect(counts.corrupt).toBeGreaterThan(50);
    expect(counts.right).toBe(0);
  });

  it("anywhere in a table is reported or harmless", { timeout: 60_000 }, async () => {
    await intoTables();
    const { counts, wrong } = await flipThrough(await whole.databaseFiles(/\.ldb$/), 17);
    expect(wrong).toEqual([]);
    expect(counts.corrupt).toBeGreaterThan(40);
    // What fills the footer up means nothing.
    expect(counts.right).toBeLessThanOrEqual(3);
  });

  it("in the manifest, CURRENT or the floor is reported", { timeout: 60_000 }, async () => {
    await intoTables();
    const { counts, wrong } = await flipThrough(
      await whole.databaseFiles(/^(MANIFEST-\d+|CURRENT)$/),
      3,
    );
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
    const name = await rewriteLog((entry) => (entry.index === 30 ? null : entry));
    expect(await openError(whole)).toMatchObject({
      code: "storage-corrupt",
      details: { record: name, index: 30 },
    });
  });

  it("entries at the end", async () => {
    await rewriteLog((entry) => (entry.index >= 58 ? null : entry));
    expect(await openError(whole)).toMatchObject({
      code: "storage-corrupt",
      details: { record: "log", index: 58 },
    });
  });

  it("all entries", async () => {
    await rewriteLog(() => null);
    expect(await openError(whole)).toMatchObject({ code: "storage-corrupt" });
  });

  it("the last batch of the log", async () => {
    const [name] = await whole.logFiles();
    const content = await readFile(whole.pathOf(name!));
    await truncate(whole.pathOf(name!), framesOf(name!, content).at(-1)!.at);
    expect(await outcome(whole)).toBe("corrupt");
  });

  it("a file of the log, or all of them", async () => {
    await intoTables();
    const names = await whole.logFiles();
    expect(names.length).toBe(2);
    for (const name of names) {
      const copy = await whole.copy();
      await rm(copy.pathOf(name));
      // The newest begins where the one before it ends, and holds nothing.
      expect(await outcome(copy)).toBe(name === names.at(-1) ? "right" : "corrupt");
    }
    await rm(join(whole.path, "log"), { recursive: true });
    expect(await outcome(whole)).toBe("corrupt");
  });

  it("the end of the database's log file, though only a part of it", async () => {
    const [name] = await whole.databaseFiles(/\.log$/);
    const path = join(whole.path, "database", name!);
    await truncate(path, (await stat(path)).size - 10);
    expect(await outcome(whole)).toBe("corrupt");
  });

  it("the database's log file", async () => {
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

  it("an older copy of the log, of the database, or of both", async () => {
    const older = await whole.copy();
    const storage = whole.storage();
    await storage.open();
    await written(storage, { entries: entries(61, 62) });
    await written(storage, { applied: applied(55, { latest: "newer" }) });
    await storage.close();
    for (const parts of [["log"], ["database"], ["log", "database"]]) {
      const mixed = await whole.copy();
      for (const part of parts) {
        await rm(join(mixed.path, part), { recursive: true });
        await cp(join(older.path, part), join(mixed.path, part), { recursive: true });
      }
      expect(await outcome(mixed)).toBe("corrupt");
    }
  });
});

describe("records are checked against each other", () => {
  it("an entry of another history", async () => {
    const foreign = encodeLogRecord(0, entries(20, 20)[0]!, Buffer.alloc(16, 7));
    const name = await rewriteLog((entry) => (entry.index === 20 ? foreign : entry));
    expect(await openError(whole)).toMatchObject({
      details: { record: name, index: 20, reason: "chain mismatch" },
    });
  });

  it("a file of the log under another name", async () => {
    const [name] = await whole.logFiles();
    await rename(whole.pathOf(name!), whole.pathOf("00000001-0000abcd.log"));
    expect(await outcome(whole)).toBe("corrupt");
  });

  it("a log of another generation of state", async () => {
    await withDatabase((level) => level.put("g/0", sealJson("g/0", 2)));
    expect(await outcome(whole)).toBe("corrupt");
    await withDatabase((level) => level.put("g/0", sealJson("g/0", 0)));
    expect(await outcome(whole)).toBe("corrupt");
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
    const name = (await whole.logFiles()).at(-1)!;
    const durable = (await stat(whole.pathOf(name))).size;
    await written(storage, { entries: entries(61, 64) });
    const torn = await whole.copy();
    await storage.close();
    const { size } = await stat(torn.pathOf(name));
    for (let cut = size - 1; cut >= durable; cut -= 7) {
      const copy = await torn.copy();
      await truncate(copy.pathOf(name), cut);
      await expectEntries(copy, 60);
      // It is gone for good, and what comes behind it is found.
      const again = copy.storage();
      await again.open();
      await written(again, { entries: entries(61, 61) });
      await again.close();
      await expectEntries(copy, 61);
    }
  });

  it("may have sectors that were never written", async () => {
    const storage = whole.storage();
    await storage.open();
    const name = (await whole.logFiles()).at(-1)!;
    const durable = (await stat(whole.pathOf(name))).size;
    await written(storage, { entries: entries(61, 90) });
    const torn = await whole.copy();
    await storage.close();
    const content = await readFile(torn.pathOf(name));
    const from = durable + 512 - (durable % 512);
    for (let at = from; at + 512 <= content.length; at += 512) {
      const copy = await torn.copy();
      await writeFile(copy.pathOf(name), Buffer.from(content).fill(0, at, at + 512));
      await expectEntries(copy, 60);
    }
  });

  it("takes a file with it that holds nothing else", async () => {
    const storage = whole.storage();
    await storage.open();
    const torn = await whole.copy();
    await storage.close();
    const name = (await torn.logFiles()).at(-1)!;
    for (const size of [0, 10, (await stat(torn.pathOf(name))).size - 1]) {
      const copy = await torn.copy();
      await truncate(copy.pathOf(name), size);
      await expectEntries(copy, 60);
    }
  });

  it("is not confused with damage to an earlier one", async () => {
    const storage = whole.storage();
    await storage.open();
    await written(storage, { entries: entries(61, 64) });
    await written(storage, { entries: entries(65, 66) });
    const killed = await whole.copy();
    await storage.close();
    const name = (await killed.logFiles()).at(-1)!;
    const content = await readFile(killed.pathOf(name));
    const zeroed = await killed.copy();
    const at = content.indexOf("entry 62 of");
    await writeFile(zeroed.pathOf(name), Buffer.from(content).fill(0, at - 60, at + 8));
    expect(await openError(zeroed)).toMatchObject({ details: { record: name } });
    await killed.flip(name, at);
    expect(await openError(killed)).toMatchObject({
      code: "storage-corrupt",
      details: { record: name },
    });
  });

  it("is not confused with payloads that look like one", async () => {
    const storage = whole.storage();
    await storage.open();
    const name = (await whole.logFiles()).at(-1)!;
    const data = await readFile(whole.pathOf((await whole.logFiles())[0]!));
    await written(storage, { entries: [{ term: 1, index: 61, type: 0, data }] });
    const torn = await whole.copy();
    await storage.close();
    await truncate(torn.pathOf(name), (await stat(torn.pathOf(name))).size - 10);
    await expectEntries(torn, 60);
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

async function expectEntries(directory: LevelDirectory, count: number): Promise<void> {
  const storage = directory.storage();
  expect((await storage.open()).entries.length).toBe(count);
  await storage.close();
}

function framesOf(name: string, content: Buffer) {
  const { salt } = parseLogFileName(name)!;
  const frames: (Frame & { readonly at: number })[] = [];
  for (let at = 0; at < content.length; ) {
    const frame = readFrame(content, at, salt)!;
    frames.push({ ...frame, at });
    at = frame.end;
  }
  return frames;
}

/** Puts another record, or none, in the place of each in the log; all checksums of the file fit. Answers its name. */
async function rewriteLog(
  change: (
    entry: Entry & { readonly record: Buffer },
  ) => Buffer | { readonly record: Buffer } | null,
): Promise<string> {
  const [name] = await whole.logFiles();
  const { salt } = parseLogFileName(name!)!;
  let chain: Uint8Array = chainStart;
  const frames = framesOf(name!, await readFile(whole.pathOf(name!))).map(({ sequence, parts }) => {
    const changed = parts.flatMap(({ kind, content }): Part[] => {
      if (kind !== PartKind.entry) return [{ kind, content }];
      const decoded = decodeLogRecord(Buffer.from(content), chain);
      if ("reason" in decoded) throw new Error(decoded.reason);
      ({ chain } = decoded);
      const found = change({ ...decoded.entry, record: content });
      if (found === null) return [];
      return [{ kind, content: Buffer.isBuffer(found) ? found : found.record }];
    });
    return encodeFrame(changed, sequence, salt);
  });
  await writeFile(whole.pathOf(name!), Buffer.concat(frames));
  return name!;
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
