import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LevelDatabase } from "../../../cluster/storage/level-open.ts";
import type { LevelStorage } from "../../../cluster/storage/level-storage.ts";
import { LogDirectory } from "../../../cluster/storage/log/directory.ts";
import { LevelDirectory } from "../../support/level-directory.ts";
import {
  applied,
  entries,
  plain,
  point,
  puts,
  stateOf,
  written,
} from "../../support/storage-changes.ts";

let directory: LevelDirectory;
let storage: LevelStorage;

beforeEach(async () => {
  directory = await LevelDirectory.make();
  storage = directory.storage();
  await storage.open();
});

afterEach(async () => {
  vi.restoreAllMocks();
  await storage.close();
  await directory.remove();
});

/** Holds calls of a method back, until they are let go. */
function hold(where: object, method: string): () => void {
  let letGo = (): void => {};
  const gate = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const methods = where as Record<string, (...values: unknown[]) => Promise<void>>;
  const real = methods[method]!;
  vi.spyOn(methods, method).mockImplementation(async function (this: unknown, ...values) {
    await gate;
    await real.apply(this, values);
  });
  return letGo;
}

/** Whatever sets out by itself has set out. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe("log and state on their way to the disk", () => {
  it("effects are never in front of the entries that they follow from", async () => {
    const letGo = hold(LogDirectory.prototype, "append");
    const database = vi.spyOn(LevelDatabase.prototype, "write");
    const log = written(storage, { entries: entries(1, 3) });
    const effects = written(storage, { applied: applied(2, { a: "1" }) });
    await turn();
    expect(database).not.toHaveBeenCalled();
    letGo();
    await Promise.all([log, effects]);
    expect(database).toHaveBeenCalledTimes(1);
  });

  it("entries do not wait for effects", async () => {
    await written(storage, { entries: entries(1, 3) });
    const letGo = hold(LevelDatabase.prototype, "write");
    const effects = written(storage, { applied: applied(2, { a: "1" }) });
    await written(storage, { entries: entries(4, 4) });
    letGo();
    await effects;
  });

  it("a log never begins before the snapshot that it begins with", async () => {
    await written(storage, { entries: entries(1, 3) });
    await storage.beginStaging();
    await storage.stage(puts({ b: "2" }));
    const letGo = hold(LevelDatabase.prototype, "write");
    const begun = vi.spyOn(LogDirectory.prototype, "create");
    const installed = written(storage, { installSnapshot: point(20) });
    const behind = written(storage, { entries: entries(21, 21) });
    await turn();
    expect(LevelDatabase.prototype.write).toHaveBeenCalledTimes(1);
    expect(begun).not.toHaveBeenCalled();
    letGo();
    await Promise.all([installed, behind]);
    await vi.waitUntil(async () => (await directory.logFiles()).length === 1, { interval: 1 });
    const copy = (await directory.copy()).storage();
    expect(plain((await copy.open()).entries)).toEqual(plain(entries(21, 21)));
    await copy.close();
  });

  it("what comes behind a snapshot does not wait for itself", async () => {
    await written(storage, { entries: entries(1, 3) });
    await storage.beginStaging();
    await storage.stage(puts({ b: "2" }));
    // The batches of both streams are under way: all of this waits, and is joined where it may be.
    const all = [
      written(storage, { entries: entries(4, 4), applied: applied(2, { a: "1" }) }),
      written(storage, { applied: applied(3, { a: "2" }) }),
      written(storage, {
        installSnapshot: point(20),
        hardState: { term: 1, vote: null, commit: 20 },
      }),
      written(storage, { entries: entries(21, 22) }),
      written(storage, { applied: applied(21, { c: "3" }) }),
      written(storage, { compactTo: point(21) }),
      written(storage, { applied: applied(22, { d: "4" }) }),
    ];
    await Promise.all(all);
    await storage.close();
    storage = directory.storage();
    expect(await storage.open()).toMatchObject({ appliedIndex: 22, snapshot: { index: 21 } });
    expect(await stateOf(storage)).toEqual({ b: "2", c: "3", d: "4" });
  });

  it("two snapshots follow one another", async () => {
    for (const [index, name] of [
      [20, "b"],
      [30, "c"],
    ] as const) {
      await storage.beginStaging();
      await storage.stage(puts({ [name]: "2" }));
      void written(storage, { installSnapshot: point(index) });
      void written(storage, { entries: entries(index + 1, index + 2) });
    }
    await storage.close();
    storage = directory.storage();
    const restore = await storage.open();
    expect(plain(restore.entries)).toEqual(plain(entries(31, 32)));
    expect(await stateOf(storage)).toEqual({ c: "2" });
  });
});
