import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { floorName, readFloor } from "../../../cluster/storage/floor-file.ts";
import { LevelDirectory } from "../../support/level-directory.ts";
import { applied, entries, plain, point, puts, written } from "../../support/storage-changes.ts";

let directory: LevelDirectory;

beforeEach(async () => {
  directory = await LevelDirectory.make();
});

afterEach(async () => {
  vi.useRealTimers();
  await directory.remove();
});

async function floorAt(lastIndex: number): Promise<void> {
  await vi.waitUntil(async () => (await readFloor(directory.path))?.lastIndex === lastIndex, {
    timeout: 5_000,
    interval: 2,
  });
}

describe("the floor", () => {
  it("follows after a thousand entries, and at close", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const storage = directory.storage();
    await storage.open();
    await written(storage, { entries: entries(1, 999) });
    expect((await readFloor(directory.path))?.lastIndex).toBe(0);
    await written(storage, { entries: entries(1_000, 1_000) });
    await floorAt(1_000);
    await written(storage, { entries: entries(1_001, 1_002) });
    await storage.close();
    expect((await readFloor(directory.path))?.lastIndex).toBe(1_002);
  });

  it("follows within a second of silence", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const storage = directory.storage();
    await storage.open();
    await written(storage, { entries: entries(1, 3) });
    expect((await readFloor(directory.path))?.lastIndex).toBe(0);
    vi.advanceTimersByTime(1_000);
    vi.useRealTimers();
    await floorAt(3);
    await storage.close();
  });

  it("that cannot be written ends the storage like a failed batch", async () => {
    const failures: Error[] = [];
    const storage = directory.storage((error) => failures.push(error));
    await storage.open();
    await mkdir(join(directory.path, `${floorName}.new`));
    await written(storage, { entries: entries(1, 1_000) });
    await vi.waitUntil(() => failures.length > 0, { timeout: 5_000, interval: 2 });
    expect(failures[0]).toMatchObject({ code: "storage-failed" });
    storage.write({ groupId: 0, entries: entries(1_001, 1_001) }, () => failures.push(new Error()));
    await storage.close();
    expect(failures.length).toBe(1);
  });

  it("does not take an ordinary truncation for a loss, however old it is", async () => {
    const storage = directory.storage();
    await storage.open();
    await written(storage, { entries: entries(1, 20) });
    await storage.close();
    await copyFile(join(directory.path, floorName), join(directory.root, "old"));
    const second = directory.storage();
    await second.open();
    await written(second, { entries: entries(11, 12, 2) });
    await second.close();
    const third = directory.storage();
    await third.open();
    await written(third, { entries: entries(12, 15, 3) });
    const killed = await directory.copy();
    await third.close();
    await copyFile(join(directory.root, "old"), join(killed.path, floorName));
    const reopened = killed.storage();
    const expected = [...entries(1, 10), ...entries(11, 11, 2), ...entries(12, 15, 3)];
    expect(plain((await reopened.open()).entries)).toEqual(plain(expected));
    await reopened.close();
  });

  it.each([8, 20, 30])("does not take a snapshot at %i for a loss", async (index) => {
    const storage = directory.storage();
    await storage.open();
    await written(storage, { entries: entries(1, 20), applied: applied(5, { a: "1" }) });
    await storage.close();
    const second = directory.storage();
    await second.open();
    await second.beginStaging();
    await second.stage(puts({ b: "2" }));
    await written(second, { installSnapshot: point(index, 2), entries: entries(index + 1, 31, 2) });
    const killed = await directory.copy();
    await second.close();
    const reopened = killed.storage();
    expect(await reopened.open()).toMatchObject({ snapshot: point(index, 2) });
    await reopened.close();
  });
});
