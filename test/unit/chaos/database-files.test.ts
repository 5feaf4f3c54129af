import { execFile } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Level } from "level";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readLiveFiles, verifyDatabase } from "../../../cluster/storage/files/verify.ts";
import { readDatabaseFiles } from "../../../scripts/chaos/database-files.ts";
import { flipByte } from "../../../scripts/chaos/flip-byte.ts";
import { seededRandom } from "../../../scripts/support/random.ts";

/** Small logs become tables, tables are merged, and in the middle of it the process kills itself. */
const program = `
  import { promisify } from "node:util";
import { Level } from "level";
  const [path, seed] = process.argv.slice(1);
  const level = new Level(path, { writeBufferSize: 65_536, maxFileSize: 65_536, compression: false });
  let random = Number(seed);
  const next = (most) => (random = (random * 48_271) % 2_147_483_647) % most;
  for (let batch = 0; ; batch++) {
    const put = () => ({ type: "put", key: "key " + next(1000), value: "v".repeat(300 + next(100)) });
    await level.batch(Array.from({ length: 20 }, put), { sync: true });
    if (batch === 40 + next(100)) process.kill(process.pid, "SIGKILL");
    if (batch === 160) process.kill(process.pid, "SIGKILL");
  }
`;

const execute = promisify(execFile);
let root: string;
let copies: string[];

/** The same database after each of some kills. */
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "flockmq-files-"));
  const path = join(root, "database");
  copies = [];
  for (let kill = 0; kill < 6; kill++) {
    const args = ["--input-type=module", "-e", program, path, String(kill + 1)];
    await execute(process.execPath, args).catch(({ signal, stderr }) => {
      if (signal !== "SIGKILL") throw new Error(stderr);
    });
    const copy = join(root, `copy-${kill}`);
    await cp(path, copy, { recursive: true });
    copies.push(copy);
  }
});

afterAll(() => rm(root, { recursive: true }));

async function contentOf(path: string): Promise<readonly [string, string][]> {
  const level = new Level<string, string>(path, { compression: false });
  const content = await level.iterator().all();
  await level.close();
  return content;
}

describe("which files a database reads", () => {
  it("is the same in this reading of the manifest and in that of the product", async () => {
    for (const copy of copies) {
      const mine = await readDatabaseFiles(copy);
      const theirs = await readLiveFiles(copy);
      const numbers = mine.tables.map((name) => Number.parseInt(name, 10));
      const onDisk = new Set((await readdir(copy)).map((name) => Number.parseInt(name, 10)));
      expect(numbers).toEqual(
        [...theirs.tables].filter((one) => onDisk.has(one)).sort((a, b) => a - b),
      );
      expect(mine.logs.length).toBeGreaterThan(0);
      expect(mine.logs.every((name) => Number.parseInt(name, 10) >= theirs.logNumber)).toBe(true);
    }
  });

  it("holds for LevelDB too: it holds the same without what is called a leftover, and does not open without a table", async () => {
    for (const killed of copies) {
      const copy = `${killed}-without`;
      await cp(killed, copy, { recursive: true });
      const { tables } = await readDatabaseFiles(copy);
      // As of a compaction that was killed before the manifest knew of it.
      await cp(join(copy, tables[0] ?? ""), join(copy, "999999.ldb"));
      const { leftovers } = await readDatabaseFiles(copy);
      expect(leftovers).toContain("999999.ldb");
      for (const name of leftovers) await rm(join(copy, name));
      const content = await contentOf(copy);
      await cp(killed, copy, { recursive: true });
      expect(await contentOf(copy)).toEqual(content);
      await rm(copy, { recursive: true });
      await cp(killed, copy, { recursive: true });
      const missing = (await readDatabaseFiles(copy)).tables[0] ?? "";
      await rm(join(copy, missing));
      expect(tables.length).toBeGreaterThan(0);
      await expect(new Level(copy).open()).rejects.toThrow();
      await rm(copy, { recursive: true });
    }
  });
});

describe("a flipped byte of a chaos run", () => {
  it.each([".log", ".ldb"] as const)(
    "in a %s is one that the product must notice",
    async (kind) => {
      const random = seededRandom(9);
      for (const copy of copies) {
        const dataDir = `${copy}${kind}`;
        const again = join(dataDir, "db", "database");
        await cp(copy, again, { recursive: true });
        expect(await verifyDatabase(again)).toBe(true);
        const flipped = await flipByte(dataDir, kind, random);
        if (flipped === null) continue;
        const { file, position, sizeBytes } = flipped;
        const [before, after] = [
          await readFile(join(copy, file)),
          await readFile(join(again, file)),
        ];
        expect(before.length).toBe(sizeBytes);
        expect(before.findIndex((byte, at) => byte !== after[at])).toBe(position);
        await expect(verifyDatabase(again)).rejects.toMatchObject({ details: { record: file } });
      }
    },
  );
});
