import { join } from "node:path";
import { Level } from "level";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LevelDirectory } from "../../support/level-directory.ts";
import { applied, entries, point, puts, stateOf, written } from "../../support/storage-changes.ts";

let directory: LevelDirectory;

beforeEach(async () => {
  directory = await LevelDirectory.make();
});

afterEach(async () => {
  await directory.remove();
});

function many(count: number, value: string): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [`key ${at}`, value]));
}

async function stateKeys(): Promise<string[]> {
  const level = new Level<string, Buffer>(join(directory.path, "database"), { compression: false });
  const keys = await level.keys({ gte: "s/", lt: "s0" }).all();
  await level.close();
  return keys;
}

describe("generations of state", () => {
  it("the old one is swept in the background, or by the next open", async () => {
    const storage = directory.storage();
    await storage.open();
    const old = many(3_500, "old");
    await written(storage, { entries: entries(1, 3), applied: applied(2, old) });
    await storage.beginStaging();
    await storage.stage(puts(many(10, "new")));
    await written(storage, { installSnapshot: point(9) });
    expect(await stateOf(storage)).toEqual(many(10, "new"));
    await storage.close();
    const next = directory.storage();
    await next.open();
    await next.close();
    expect((await stateKeys()).length).toBe(10);
  });

  it("what a crash left staged is gone after open", async () => {
    const storage = directory.storage();
    await storage.open();
    await written(storage, { entries: entries(1, 3), applied: applied(2, { live: "1" }) });
    await storage.beginStaging();
    await storage.stage(puts(many(2_500, "half")));
    await storage.close();
    expect((await stateKeys()).length).toBe(2_501);
    const next = directory.storage();
    await next.open();
    await next.close();
    expect(await stateKeys()).toEqual(["s/0/1/live"]);
  });

  it("sweeps do not hinder writes, a view or another snapshot", async () => {
    const storage = directory.storage();
    await storage.open();
    await written(storage, { entries: entries(1, 3), applied: applied(2, many(5_000, "first")) });
    const view = (await storage.openStateView())!;
    for (const [at, value] of ["second", "third"].entries()) {
      await storage.beginStaging();
      await storage.stage(puts(many(3_000, value)));
      const index = 10 * (at + 1);
      await written(storage, {
        installSnapshot: point(index),
        entries: entries(index + 1, index + 2),
      });
    }
    await written(storage, { applied: applied(21, { extra: "1" }) });
    let seen = 0;
    for await (const chunk of view.chunks(4_096)) {
      seen += chunk.length;
      for (const { value } of chunk) expect(Buffer.from(value!).toString()).toBe("first");
    }
    expect(seen).toBe(5_000);
    await view.close();
    expect(await stateOf(storage)).toEqual({ ...many(3_000, "third"), extra: "1" });
    await storage.close();
  });
});
