import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { lockDirectory } from "../../../cluster/storage/directory-lock.ts";
import { quarantine } from "../../../cluster/storage/quarantine.ts";
import { LevelDirectory } from "../../support/level-directory.ts";
import { entries, written } from "../../support/storage-changes.ts";

let directory: LevelDirectory;

beforeEach(async () => {
  directory = await LevelDirectory.make();
});

afterEach(async () => {
  await directory.remove();
});

const holder = `
  const { Level } = require("level");
  new Level(process.argv[1]).open().then(() => process.stdout.write("open"));
  process.stdin.on("end", () => process.exit()).resume();
`;

describe("a data directory", () => {
  it("says what the system said when it cannot be used", async () => {
    // The directory can be made, but the file in it would have a path beyond what the system takes.
    const { length } = join(directory.path, "lock");
    const levels = Math.floor((4092 - length) / 100);
    const deep = join(directory.path, ...Array.from({ length: levels }, () => "d".repeat(99)));
    const longest = join(deep, "e".repeat(4092 - join(deep, "lock").length - 1));
    await expect(lockDirectory(longest)).rejects.toMatchObject({
      code: "storage-failed",
      message: expect.stringContaining("File name too long"),
    });
  });

  it("is refused while this process has it open, and free afterwards", async () => {
    const storage = directory.storage();
    await storage.open();
    await expect(directory.storage().open()).rejects.toMatchObject({
      code: "storage-locked",
      message: expect.stringContaining(directory.path),
    });
    await expect(quarantine(directory.path, "test", 0)).rejects.toMatchObject({
      code: "storage-locked",
    });
    await written(storage, { entries: entries(1, 1) });
    await storage.close();
    const next = directory.storage();
    expect((await next.open()).entries.length).toBe(1);
    await next.close();
  });

  it.each(["lock", "database"])("is refused while another process has its %s", async (part) => {
    const storage = directory.storage();
    await storage.open();
    await storage.close();
    const path = join(directory.path, part);
    const child = spawn(process.execPath, ["-e", holder, path], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    const refused = directory.storage();
    await expect(refused.open()).rejects.toMatchObject({ code: "storage-locked" });
    child.stdin.end();
    await once(child, "exit");
    const next = directory.storage();
    expect((await next.open()).incarnation).toBe(2);
    await next.close();
  });

  it("may lose what is in its lock", async () => {
    const storage = directory.storage();
    await storage.open();
    await storage.close();
    await writeFile(join(directory.path, "lock", "CURRENT"), "nonsense");
    const next = directory.storage();
    expect((await next.open()).incarnation).toBe(2);
    await next.close();
  });

  it("that cannot be made is a clear error", async () => {
    await writeFile(directory.path, "a file stands here");
    await expect(directory.storage().open()).rejects.toMatchObject({
      code: "storage-failed",
      message: expect.stringContaining(directory.path),
    });
  });

  it("of an unknown format is left alone", async () => {
    const storage = directory.storage();
    await storage.open();
    await storage.close();
    const { Level } = await import("level");
    const { sealJson } = await import("../../../cluster/storage/sealed.ts");
    const level = new Level<string, Buffer>(join(directory.path, "database"), {
      valueEncoding: "buffer",
      compression: false,
    });
    await level.put("v", sealJson("v", 99));
    await level.close();
    await expect(directory.storage().open()).rejects.toMatchObject({ code: "version-mismatch" });
  });
});

describe("quarantine", () => {
  it("moves everything aside, says why, and leaves room to start over", async () => {
    const storage = directory.storage();
    await storage.open();
    await storage.close();
    const before = (await readdir(join(directory.path, "database"))).sort();
    const reason = "CRC mismatch at 7";
    const moved = await quarantine(directory.path, reason, Date.UTC(2026, 0, 2, 3, 4, 5));
    expect(moved).toBe(join(directory.root, "damaged-2026-01-02T03-04-05.000Z"));
    expect(await readFile(join(moved, "reason.txt"), "utf8")).toBe(`${reason}\n`);
    expect((await readdir(join(moved, "database"))).sort()).toEqual(before);
    const next = directory.storage();
    expect(await next.open()).toMatchObject({ incarnation: 1, entries: [] });
    await next.close();
    const second = await quarantine(directory.path, "again", Date.UTC(2026, 0, 2, 3, 4, 5));
    expect(second).toBe(`${moved}-2`);
  });
});
